import { KINDS } from '../contract/index.js';
import { setting } from './details.js';
import * as shape from './shapes.js';

/** What of a host's databases is uploaded, and how they are read. */
export const SNAPSHOT_SETTINGS = {
  excludeProjects: setting(shape.nameList(), {
    group: 'Host and its databases',
    rule: 'a list of projects (in the environment separated by commas)',
    description:
      'Projects whose memories never leave this host. Where anything is excluded, the upload is a new file with the other memories alone; the receipt counts what was kept back.',
    initial: [],
    initialText: 'none',
  }),
  excludeKinds: setting(shape.choiceList(KINDS), {
    group: 'Host and its databases',
    rule: `a list of ${KINDS.join(', ')} (in the environment separated by commas)`,
    description:
      'Kinds of memory that never leave this host. A relation stays with either of its entities, however that is excluded.',
    initial: [],
    initialText: 'none',
  }),
  excludeCategories: setting(shape.nameList(), {
    group: 'Host and its databases',
    rule: 'a list of categories (in the environment separated by commas)',
    description: 'Categories whose conversations and reflections never leave this host.',
    initial: [],
    initialText: 'none',
  }),
  excludePatterns: setting(shape.lineList(), {
    group: 'Host and its databases',
    rule: 'a list of regular expressions in RE2’s syntax (in the environment one a line)',
    description:
      'A memory never leaves this host if any of its texts, the content or another column, holds a match of one of these. They are checked when an agent or a sync starts.',
    initial: [],
    initialText: 'none',
  }),
  readerCommand: setting(shape.command().optional(), {
    group: 'Host and its databases',
    rule: 'a program and its arguments (in the environment separated by spaces)',
    description:
      'What reads databases of a newer DuckDB than Akosha’s own, on a host and on the server: a `duckdb`, or a Python with the module `duckdb`. `akosha doctor` says which is used.',
    initialText:
      '`duckdb` on the PATH, else the module `duckdb` of `python3`, else the one that set-up installed',
  }),
  compressionLevel: setting(shape.wholeNumber(1, 9), {
    group: 'Upload',
    rule: 'a whole number from 1 to 9',
    description:
      'The level of gzip. 4 by default: for a 319 MB database, level 1 takes 4.5 s and makes 185 MB of it, 4 takes 5.1 s and makes 175, 6 takes 5.9 s and makes 174; the sample fares alike.',
    initial: 4,
  }),
};
