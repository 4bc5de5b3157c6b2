import { z } from 'zod';
import { SETTING_DETAILS, type SettingDetails } from './details.js';
import { dataHome } from './host.js';
import * as shape from './shapes.js';

/** Session-Buddy's own places. Those that do not exist on a host are left out of its uploads. */
const SESSION_BUDDY_DATABASES = ['~/.claude/data/reflection.duckdb', '~/.claude/data/knowledge_graph.duckdb'];

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

function setting<Schema extends z.ZodType>(schema: Schema, details: SettingDetails): Schema {
  SETTING_DETAILS.add(schema, details);
  return schema;
}

/**
 * Every setting, in one table. A key gives the three names of its setting: `hotDays` is `hot_days` in the settings
 * file, `AKOSHA_HOT_DAYS` in the environment and `--hot-days` on a command line that takes it.
 */
export const SETTING_SHAPES = z.object({
  dataDir: setting(shape.path(), {
    group: 'Process',
    rule: 'a folder',
    description: 'Where this machine keeps its data: the store and its cache, or an agent’s outbox.',
    initial: dataHome,
    initialText: '$XDG_DATA_HOME/akosha, which is ~/.local/share/akosha',
    paths: 'one',
  }),
  host: setting(shape.hostName(), {
    group: 'Process',
    rule: 'an IP address or a host name',
    description: 'The address that the HTTP server listens on. Any but a loopback address needs `api_token`.',
    initial: '127.0.0.1',
  }),
  port: setting(shape.wholeNumber(0, 65535), {
    group: 'Process',
    rule: 'a whole number from 0 to 65535',
    description: 'The port of the HTTP server; 0 is any free one, and `akosha status --json` says which.',
    initial: 8682,
  }),
  apiToken: setting(z.string().min(16).optional(), {
    group: 'Process',
    rule: 'a text of at least 16 characters',
    description:
      'The bearer token that guards every route but `/health` and `/ready`. At least 16 characters, because it can be guessed at over the network.',
    secret: true,
  }),
  clock: setting(shape.clockTime(), {
    group: 'Process',
    rule: '"system" or an instant such as 2026-11-22T12:00:00Z',
    description:
      'What ingest and tier transition take for now; an instant stops their clock, for tests and demonstrations.',
    initial: 'system',
  }),
  timeZone: setting(shape.timeZone(), {
    group: 'Process',
    rule: 'an IANA time zone such as Europe/Berlin',
    description: 'The zone of times without one in this host’s databases.',
    initial: ({ timeZone }) => timeZone,
    initialText: 'the host’s',
  }),
  shutdownGraceSeconds: setting(shape.wholeNumber(0, 3600), {
    group: 'Process',
    rule: 'a whole number from 0 to 3600',
    description:
      'After SIGTERM or SIGINT, how long activities may finish before they are told to stop. With `shutdown_force_seconds` under the 30 s after which most supervisors kill.',
    initial: 10,
  }),
  shutdownForceSeconds: setting(shape.wholeNumber(1, 7200), {
    group: 'Process',
    rule: 'a whole number from 1 to 7200',
    description: 'After which the process stops waiting for them. Must exceed `shutdown_grace_seconds`.',
    initial: 25,
  }),
  logLevel: setting(z.enum(LOG_LEVELS), {
    group: 'Process',
    rule: `one of ${LOG_LEVELS.join(', ')}`,
    description: 'The least serious log line that is written.',
    initial: 'info',
  }),
  logFormat: setting(z.enum(['json', 'text']), {
    group: 'Process',
    rule: 'json or text',
    description: 'The form of the log, which goes to stderr.',
    initial: ({ terminal }) => (terminal ? 'text' : 'json'),
    initialText: 'text where stderr is a terminal, otherwise json',
  }),

  systemId: setting(
    z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,100}$/)
      .optional(),
    {
      group: 'Host and its databases',
      rule: '1 to 100 letters, digits, "-" and "_"',
      description: 'The name of this host among all systems. An agent and `akosha sync` need it.',
    },
  ),
  databases: setting(shape.pathList(), {
    group: 'Host and its databases',
    rule: 'a list of files (in the environment separated by commas)',
    description: 'The DuckDB files that this host uploads. One that does not exist is left out.',
    initial: SESSION_BUDDY_DATABASES,
    initialText: `${SESSION_BUDDY_DATABASES.join(', ')}, which are Session-Buddy’s`,
    paths: 'list',
  }),

  objectStore: setting(shape.objectStoreUrl().optional(), {
    group: 'Object storage',
    rule: 'file:///folder or s3://bucket/prefix?endpoint=URL&region=NAME',
    description:
      'Where hosts upload to and the server reads. Credentials come from the AWS environment variables, profile or role.',
    initialText: 'the folder `objects` in `data_dir`',
  }),
  archiveStore: setting(shape.objectStoreUrl().optional(), {
    group: 'Object storage',
    rule: 'file:///folder or s3://bucket/prefix?endpoint=URL&region=NAME',
    description:
      'Where the server keeps journals and cold objects; a place of its own keeps hosts’ credentials out of it.',
    initialText: '`object_store`',
  }),

  pollIntervalSeconds: setting(shape.wholeNumber(1, 3600), {
    group: 'Ingest',
    rule: 'a whole number from 1 to 3600',
    description: 'How often the server lists the inbox for uploads that nobody announced.',
    initial: 30,
  }),
  ingestConcurrency: setting(shape.wholeNumber(1, 1000), {
    group: 'Ingest',
    rule: 'a whole number from 1 to 1000',
    description:
      'Uploads of different systems ingested at once. Those of one system always follow one another.',
    initial: 4,
  }),
  readerProcesses: setting(shape.wholeNumber(1, 64), {
    group: 'Ingest',
    rule: 'a whole number from 1 to 64',
    description: 'Child processes that open uploaded files, which are not trusted.',
    initial: 2,
  }),
  readerMemoryMb: setting(shape.wholeNumber(64, 1_048_576), {
    group: 'Ingest',
    rule: 'a whole number of MiB from 64',
    description: 'Memory that one of them may use.',
    initial: 512,
  }),
  readerTimeoutSeconds: setting(shape.wholeNumber(1, 86_400), {
    group: 'Ingest',
    rule: 'a whole number from 1 to 86400',
    description: 'How long one may take over a file, before it is ended and the upload tried again.',
    initial: 600,
  }),

  storeMemoryMb: setting(shape.wholeNumber(128, 1_048_576), {
    group: 'Store',
    rule: 'a whole number of MiB from 128',
    description: 'The memory limit of the store’s DuckDB; beyond it work spills to disk.',
    initial: 1024,
  }),
  coldCacheMb: setting(shape.wholeNumber(0, 1_073_741_824), {
    group: 'Store',
    rule: 'a whole number of MiB from 0',
    description: 'Disk space for downloaded cold objects; the least recently used go first.',
    initial: 1024,
  }),
  longestRequestSeconds: setting(shape.wholeNumber(1, 86_400), {
    group: 'Store',
    rule: 'a whole number from 1 to 86400',
    description:
      'The longest that a request to object storage may be under way. The sweep deletes nothing younger than this and `longest_search_seconds` together.',
    initial: 600,
  }),
  longestSearchSeconds: setting(shape.wholeNumber(1, 3600), {
    group: 'Store',
    rule: 'a whole number from 1 to 3600',
    description: 'The longest that a search may read rows which a move has meanwhile replaced.',
    initial: 30,
  }),
  operationLeaseSeconds: setting(shape.wholeNumber(1, 86_400), {
    group: 'Store',
    rule: 'a whole number from 1 to 86400',
    description:
      'After which an operation on the store that has not ended is aborted. Must exceed `longest_request_seconds`, or a permitted request would never be in time.',
    initial: 900,
  }),

  hotDays: setting(shape.wholeNumber(1, 36_500), {
    group: 'Tiers',
    rule: 'a whole number from 1 to 36500',
    description: 'The age in days at which a memory leaves the hot tier for the warm one.',
    initial: 7,
  }),
  warmDays: setting(shape.wholeNumber(1, 36_500), {
    group: 'Tiers',
    rule: 'a whole number from 1 to 36500',
    description: 'The age in days at which it leaves the warm tier for the cold one. Must exceed `hot_days`.',
    initial: 90,
  }),
  moveBatchRows: setting(shape.wholeNumber(1, 100_000), {
    group: 'Tiers',
    rule: 'a whole number from 1 to 100000',
    description: 'Rows moved in one operation.',
    initial: 1000,
  }),
  coldBatchRows: setting(shape.wholeNumber(1, 1_000_000), {
    group: 'Tiers',
    rule: 'a whole number from 1 to 1000000',
    description:
      'Rows of one system and month that must be due before a cold object is written, so that it is no crumb.',
    initial: 1000,
  }),
  coldOverdueDays: setting(shape.wholeNumber(0, 36_500), {
    group: 'Tiers',
    rule: 'a whole number from 0 to 36500',
    description: 'After so many days overdue a row goes to a cold object however few go with it.',
    initial: 7,
  }),

  searchTimeoutSeconds: setting(shape.wholeNumber(1, 3600), {
    group: 'Search',
    rule: 'a whole number from 1 to 3600',
    description:
      'After which a search answers with the tiers that have answered, and says so. Must not exceed `longest_search_seconds`.',
    initial: 10,
  }),
  embeddings: setting(z.enum(['on', 'off']), {
    group: 'Search',
    rule: 'on or off',
    description: 'Whether queries are turned into vectors; when off, search goes by words alone.',
    initial: 'on',
  }),
  modelDir: setting(shape.path().optional(), {
    group: 'Search',
    rule: 'a folder',
    description: 'A folder with `model.onnx` and `tokenizer.json` of all-MiniLM-L6-v2.',
    initialText: 'the one that set-up installed',
    paths: 'one',
  }),

  temporalPort: setting(shape.wholeNumber(0, 65535), {
    group: 'Temporal',
    rule: 'a whole number from 0 to 65535',
    description: 'The port of the Temporal server that `akosha up` starts; 0 is any free one.',
    initial: 7233,
  }),
  temporalUiPort: setting(shape.wholeNumber(0, 65535), {
    group: 'Temporal',
    rule: 'a whole number from 0 to 65535',
    description: 'The port of its web interface; 0 is any free one.',
    initial: 8233,
  }),
  temporalMetricsAddress: setting(shape.hostAndPort().optional(), {
    group: 'Temporal',
    rule: 'an address and a port such as 127.0.0.1:9464',
    description: 'Where the metrics of Temporal’s SDK can be scraped; absent, they are not collected.',
  }),
});

export type SettingKey = keyof typeof SETTING_SHAPES.shape;
export const SETTING_KEYS = SETTING_SHAPES.keyof().options;

export function detailsOf(key: SettingKey): SettingDetails {
  const details = SETTING_DETAILS.get(SETTING_SHAPES.shape[key]);
  if (details === undefined) throw new Error(`the setting ${key} has no details`);
  return details;
}
