import { z } from 'zod';
import { setting } from './details.js';
import * as shape from './shapes.js';

/** Session-Buddy's own places. Those that do not exist on a host are left out of its uploads. */
const SESSION_BUDDY_DATABASES = [
  '~/.claude/data/reflection.duckdb',
  '~/.claude/data/knowledge_graph.duckdb',
  '~/.claude/data/knowledge_graph_*.duckdb',
];

/** A host, its databases, and where they go. */
export const UPLOAD_SETTINGS = {
  systemId: setting(
    z
      .string()
      .max(1000)
      .regex(/^\P{Cs}+$/u)
      .optional(),
    {
      group: 'Host and its databases',
      rule: 'a text of 1 to 1000 characters',
      description:
        'The name of this host among all systems. One that has more than letters, digits, "-" and "_", or is longer than 100, is escaped, so that two names never become one; `akosha config` and `akosha status` show what it becomes.',
      initialText: 'one made of the host’s name, once, and kept in `data_dir`',
      sessionBuddy: true,
    },
  ),
  databases: setting(shape.pathList(), {
    group: 'Host and its databases',
    rule: 'a list of files (in the environment separated by commas)',
    description:
      'The DuckDB files that this host uploads; a `*` in a file’s name stands for any letters. One that does not exist is left out.',
    initial: SESSION_BUDDY_DATABASES,
    initialText: `${SESSION_BUDDY_DATABASES.join(', ')}, which are Session-Buddy’s`,
    paths: 'list',
  }),

  objectStore: setting(shape.objectStoreUrl().optional(), {
    group: 'Object storage',
    rule: 'file:///folder or s3://bucket/prefix?endpoint=URL&region=NAME',
    description:
      'Where hosts upload to and the server reads. Credentials come from the AWS environment variables, profile or role.',
    initialText: 'what `cloud_bucket` makes; without one the folder `objects` in `data_dir`',
  }),
  archiveStore: setting(shape.objectStoreUrl().optional(), {
    group: 'Object storage',
    rule: 'file:///folder or s3://bucket/prefix?endpoint=URL&region=NAME',
    description:
      'Where the server keeps journals and cold objects; a place of its own keeps hosts’ credentials out of it.',
    initialText: '`object_store`',
  }),
};
