import type { Settings } from '../config/index.js';
import type { SystemId } from '../contract/index.js';
import { openObjectStore } from '../objects/index.js';
import { ReaderPool } from '../reader/index.js';
import { CircuitBreakers } from '../runtime/index.js';
import {
  openHost,
  resolveSystemId,
  type HostContext,
  type MethodSettings,
  type NoticeOutcome,
  type UploadLog,
  type Webhook,
} from '../upload/index.js';
import { checkPatterns, readerOptions } from './reader-options.js';

export interface AgentParts {
  host: HostContext;
  close(): Promise<void>;
}

export interface AgentPartsOptions {
  /** What a snapshot takes for now. */
  now: () => number;
  log?: UploadLog | undefined;
  /** By default as the settings say. */
  systemId?: SystemId | undefined;
  /** Those of the process. */
  breakers?: CircuitBreakers | undefined;
  /** Told of each try at a notice. */
  onNotice?: ((outcome: NoticeOutcome) => void) | undefined;
}

/** One: a host uploads one database after the other, and its other programs come first. */
const READERS = 1;

const KIB = 1024;

/** What a host's side works with. Loads nothing that only the server needs. */
export async function openAgentParts(
  settings: Settings,
  { now, log, systemId: known, breakers = new CircuitBreakers(), onNotice }: AgentPartsOptions,
): Promise<AgentParts> {
  await checkPatterns(settings);
  const systemId = known ?? (await resolveSystemId(settings.systemId, settings.dataDir));
  const uploads = await openObjectStore(settings.objectStore, {
    name: 'object-store',
    partSizeMb: settings.chunkSizeMb,
    breakers,
    ...(settings.uploadKbPerSecond === 0 ? {} : { bytesPerSecond: settings.uploadKbPerSecond * KIB }),
  });
  const reader = new ReaderPool({ size: READERS, folder: settings.dataDir, ...readerOptions(settings) });
  const host = openHost({
    systemId,
    dataDir: settings.dataDir,
    databases: settings.databases,
    uploads,
    reader,
    snapshot: {
      exclude: {
        projects: settings.excludeProjects,
        kinds: settings.excludeKinds,
        categories: settings.excludeCategories,
        patterns: settings.excludePatterns,
      },
      compression: settings.enableCompression ? 'gzip' : 'none',
      compressionLevel: settings.compressionLevel,
    },
    timeZone: settings.timeZone,
    now,
    deduplicate: settings.enableDeduplication,
    uploadTimeoutMs: settings.uploadTimeoutSeconds * 1000,
    outboxDiskBytes: settings.outboxDiskMb * KIB * KIB,
    methods: { ...methodSettings(settings), breakers },
    rules: {
      forceMethod: settings.forceMethod,
      enableFallback: settings.enableFallback,
      maxRetries: settings.maxRetries,
      retryBackoffMs: settings.retryBackoffSeconds * 1000,
    },
    ...(log === undefined ? {} : { log: ofSystem(log, systemId) }),
    webhook: webhookOf(settings, breakers, onNotice),
  });
  return {
    host,
    close: async () => {
      host.close();
      await reader.close();
      await uploads.close();
    },
  };
}

/** Whatever an agent reports is about its system. */
function ofSystem(log: UploadLog, systemId: SystemId): UploadLog {
  return { warn: (details, message) => log.warn({ systemId, ...details }, message) };
}

function webhookOf(
  { webhookUrl: url, webhookSecret: secret }: Settings,
  breakers: CircuitBreakers,
  onTry: AgentPartsOptions['onNotice'],
): Webhook | undefined {
  if (url === undefined || secret === undefined) return undefined;
  return { url, secret, breaker: breakers.of({ name: 'webhook', unavailable: 'WebhookFailed' }), onTry };
}

/** What the methods of delivery take from the settings. */
export function methodSettings(settings: Settings): MethodSettings {
  const { objectStoreGiven, serverUrl, serverToken, uploadTimeoutSeconds } = settings;
  return {
    objectStoreGiven,
    http:
      serverUrl === undefined
        ? undefined
        : { url: serverUrl, token: serverToken, timeoutMs: uploadTimeoutSeconds * 1000 },
  };
}
