import type { Settings } from '../../config/index.js';
import { chooseMethods, outboxStatus, whyUnavailable, type HostContext } from '../../upload/index.js';
import { openParts } from '../sync-request.js';

/**
 * What `akosha_sync_status` answers: the original's keys, by which its clients know the set-up, then where the uploads stand. Asks
 * every method whether it is there, which takes 1 s at most.
 */
export async function syncStatus(settings: Settings): Promise<Record<string, unknown>> {
  const parts = await openParts(settings);
  try {
    const { host } = parts;
    const { last_sync, pending, next_try_at, last_error, in_progress } = outboxStatus(settings.dataDir);
    const { bytes, ...waiting } = pending;
    return {
      ...setUp(settings, host),
      last_sync,
      pending: waiting,
      bytes,
      next_try: next_try_at,
      last_error,
      in_progress,
      reachability: await reachability(host),
    };
  } finally {
    await parts.close();
  }
}

function setUp(settings: Settings, host: HostContext): Record<string, unknown> {
  const chosen = namesOf(host);
  return {
    cloud_configured: settings.objectStoreGiven,
    system_id: host.systemId,
    should_use_cloud: chosen.has('cloud'),
    should_use_http: chosen.has('http'),
    force_method: settings.forceMethod,
    enable_fallback: settings.enableFallback,
    upload_on_session_end: settings.uploadOnSessionEnd,
    configuration: {
      cloud_bucket: settings.cloudBucket ?? '',
      cloud_endpoint: settings.cloudEndpoint ?? '',
      cloud_region: settings.cloudRegion,
      system_id: host.systemId,
      enable_compression: settings.enableCompression,
      enable_deduplication: settings.enableDeduplication,
      chunk_size_mb: settings.chunkSizeMb,
      upload_timeout_seconds: settings.uploadTimeoutSeconds,
      max_retries: settings.maxRetries,
      retry_backoff_seconds: settings.retryBackoffSeconds,
    },
  };
}

/** The methods that an upload would go through: none where the one that is forced is not set up. */
function namesOf({ methods, rules }: HostContext): Set<string> {
  const { forceMethod } = rules;
  const any = methods.some(({ name }) => forceMethod === 'auto' || name === forceMethod);
  return new Set(any ? chooseMethods(methods, rules).map(({ name }) => name) : []);
}

async function reachability({ methods }: HostContext): Promise<Record<string, unknown>> {
  const answers = methods.map(async (method) => {
    const reason = await whyUnavailable(method, undefined);
    return [method.name, { reachable: reason === undefined, reason: reason ?? null }] as const;
  });
  return Object.fromEntries(await Promise.all(answers));
}
