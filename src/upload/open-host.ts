import type { Host, HostContext } from './host.js';
import { configuredMethods, type MethodRules, type MethodSettings } from './methods/index.js';
import { Outbox } from './outbox/outbox.js';

type Optional = 'outbox' | 'deduplicate' | 'uploadTimeoutMs' | 'outboxDiskBytes';

/** What has a default may be left out; where uploads travel is said by `methods` and `rules`. */
export interface HostOptions extends Omit<Host, Optional>, Partial<Pick<Host, Exclude<Optional, 'outbox'>>> {
  /** By default object storage alone. */
  methods?: MethodSettings;
  rules?: MethodRules;
  /** The machine's clock, by which the outbox says when to try again; only tests give another. */
  wallClock?: () => number;
}

/** Those of the settings of the same names. */
const DEFAULT_RULES: MethodRules = {
  forceMethod: 'auto',
  enableFallback: true,
  maxRetries: 3,
  retryBackoffMs: 2_000,
};
const UPLOAD_TIMEOUT_MS = 300_000;
const OUTBOX_DISK_BYTES = 2 * 2 ** 30;

export interface OpenHost extends HostContext {
  /** Lets go of the outbox; object store and reader are the caller's. */
  close(): void;
}

/** Opens a host's outbox and puts together how its uploads travel. */
export function openHost(options: HostOptions): OpenHost {
  const { methods, rules = DEFAULT_RULES, wallClock = Date.now, ...given } = options;
  const outbox = new Outbox({ dataDir: given.dataDir, log: given.log, now: wallClock });
  const host: Host = {
    deduplicate: true,
    uploadTimeoutMs: UPLOAD_TIMEOUT_MS,
    outboxDiskBytes: OUTBOX_DISK_BYTES,
    ...given,
    outbox,
  };
  return {
    ...host,
    methods: configuredMethods(host, methods ?? { objectStoreGiven: true }),
    rules,
    close: () => outbox.close(),
  };
}
