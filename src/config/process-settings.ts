import { z } from 'zod';
import { setting } from './details.js';
import { dataHome } from './host.js';
import * as shape from './shapes.js';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** What every process of the program takes, and Temporal. */
export const PROCESS_SETTINGS = {
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
  metricsAddress: setting(shape.metricsAddress().optional(), {
    group: 'Process',
    rule: 'a port such as 9465, or an address and a port such as 127.0.0.1:9465',
    description:
      'Where `akosha agent` serves its metrics, at `/metrics`, without a token; a port alone is the loopback address’s. Absent, it serves none. Those of a server, and of an agent within `akosha up`, are at `/metrics` of its HTTP server.',
  }),

  temporal: setting(z.enum(['on', 'off']), {
    group: 'Temporal',
    rule: 'on or off',
    description:
      'Whether this host’s agent takes its uploads from Temporal. When off it uploads by itself for good, as it does while Temporal is away, and needs no route to it.',
    initial: 'on',
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
  versionedWorkers: setting(shape.flag(), {
    group: 'Temporal',
    rule: 'true or false',
    description:
      'Whether the server’s workflows run on the program’s version that an operator has set current in Temporal, and on no other: see docs/guides/deploy.md. Off, because until then a new version runs none at all.',
    initial: false,
  }),
  temporalMetricsAddress: setting(shape.hostAndPort().optional(), {
    group: 'Temporal',
    rule: 'an address and a port such as 127.0.0.1:9464',
    description: 'Where the metrics of Temporal’s SDK can be scraped; absent, they are not collected.',
  }),
};
