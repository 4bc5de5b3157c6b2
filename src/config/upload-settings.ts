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

  webhookUrl: setting(shape.webhookUrl().optional(), {
    group: 'Host and its databases',
    rule: 'an http:// or https:// URL without fragment',
    description:
      'Who is told, by a signed POST, of each sync of this host that has ended. Names, counts and times; never the text of a memory. Needs `webhook_secret`.',
    // Many receivers take a key in it.
    secret: true,
  }),
  webhookSecret: setting(z.string().min(16).optional(), {
    group: 'Host and its databases',
    rule: 'a text of at least 16 characters',
    description:
      'By which its receiver knows that a notice is this host’s: the key of the HMAC-SHA256 in `X-Akosha-Signature-256`. At least 16 characters, because whoever sees one notice can guess at it.',
    secret: true,
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
