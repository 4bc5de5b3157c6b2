import { setTimeout as sleep } from 'node:timers/promises';
import { AkoshaError, ERROR_TYPES, isAkoshaError, messageOf, type ErrorType } from '../../contract/index.js';
import type { Delivery, SyncMethod } from './method.js';
import { throwIfCancelled, type UploadOptions } from '../options.js';
import type { QueuedUpload } from '../outbox/files.js';

/** How the methods are gone through: the settings of these names. */
export interface MethodRules {
  /** `auto`, or the name of the one method to use. */
  forceMethod: string;
  /** Whether the next method is tried where one is unavailable or fails. */
  enableFallback: boolean;
  /** After a method's first try. */
  maxRetries: number;
  /** Before the first retry; it doubles with each. Milliseconds. */
  retryBackoffMs: number;
}

/** A method and why it did not deliver. */
export interface MethodFailure {
  method: string;
  error: string;
}

/** So that a method that hangs delays the next by no more. The methods keep to it too; this is for the one that does not. */
const AVAILABILITY_MS = 1_000;

/** The outbox tries again after ten minutes at most, so a longer pause inside one delivery only hides it from there. */
const LONGEST_PAUSE_MS = 600_000;

/** A quarter to either side: hosts that lost one server together do not come back to it in step. */
const JITTER = 0.25;

/** These are about the upload or its caller, not about the way it goes: no other method would do better. */
const NOT_THE_METHODS: readonly ErrorType[] = ['Cancelled', 'UploadReplaced'];

/**
 * Delivers an upload by the first method that can: in the order given, each asked whether it is available and given its
 * retries. A method that is forced by name is not asked, because a person who names one means it.
 *
 * Raises the method's own error where one is forced, else `HybridSyncError` with every method's reason in
 * `details.methods`; `SettingsInvalid` where there is no method to try; `UploadReplaced` and `Cancelled` as they are.
 */
export async function deliverByMethods(
  methods: readonly SyncMethod[],
  upload: QueuedUpload,
  rules: MethodRules,
  options: UploadOptions,
): Promise<Delivery & { method: string }> {
  const chosen = chooseMethods(methods, rules);
  const forced = rules.forceMethod !== 'auto';
  const failures: MethodFailure[] = [];
  for (const method of chosen) {
    const reason = forced ? undefined : await whyUnavailable(method, options.signal);
    if (reason !== undefined) {
      failures.push({ method: method.name, error: `not available: ${reason}` });
      continue;
    }
    try {
      return { ...(await deliverWithRetries(method, upload, rules, options)), method: method.name };
    } catch (error) {
      if (forced || isNotTheMethods(error)) throw error;
      failures.push({ method: method.name, error: messageOf(error) });
    }
  }
  throw allFailed(upload, failures);
}

/**
 * The methods that the rules leave, in order. Raises `SettingsInvalid` where they leave none.
 */
export function chooseMethods<Method extends Pick<SyncMethod, 'name'>>(
  methods: readonly Method[],
  { forceMethod, enableFallback }: Pick<MethodRules, 'forceMethod' | 'enableFallback'>,
): readonly Method[] {
  const wanted = forceMethod === 'auto' ? methods : methods.filter(({ name }) => name === forceMethod);
  const chosen = enableFallback ? wanted : wanted.slice(0, 1);
  if (chosen.length > 0) return chosen;
  throw new AkoshaError(
    'SettingsInvalid',
    forceMethod === 'auto'
      ? 'no way to upload is configured; set object_store or cloud_bucket, or server_url'
      : `force_method (AKOSHA_FORCE_METHOD) is ${forceMethod}, which is not configured here; ` +
          'cloud needs object_store or cloud_bucket, http needs server_url',
    { details: { forceMethod, configured: methods.map(({ name }) => name) } },
  );
}

/** Why a method cannot be tried now, found out within 1 s; undefined where it can. Raises `Cancelled`. */
export async function whyUnavailable(
  method: SyncMethod,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const question = `asking whether method ${method.name} is available`;
  throwIfCancelled(signal, question);
  const enough = new AbortController();
  const either = signal === undefined ? enough.signal : AbortSignal.any([signal, enough.signal]);
  const ended = new Promise<string>((resolve) => {
    either.addEventListener('abort', () => resolve(`no answer within ${AVAILABILITY_MS} ms`), { once: true });
  });
  const timer = setTimeout(() => enough.abort(), AVAILABILITY_MS);
  try {
    const answer = method.availability(either).then(
      (found) => (found.available ? undefined : found.reason),
      (error: unknown) => messageOf(error),
    );
    const reason = await Promise.race([answer, ended]);
    throwIfCancelled(signal, question);
    return reason;
  } finally {
    clearTimeout(timer);
  }
}

async function deliverWithRetries(
  method: SyncMethod,
  upload: QueuedUpload,
  { maxRetries, retryBackoffMs }: MethodRules,
  options: UploadOptions,
): Promise<Delivery> {
  for (let retries = 0; ; retries += 1) {
    throwIfCancelled(options.signal, `upload ${upload.manifest.uploadId}`);
    try {
      return await method.deliver(upload, options);
    } catch (error) {
      if (retries >= maxRetries || isPermanent(error) || isNotTheMethods(error)) throw error;
    }
    await pause(retryBackoffMs * 2 ** retries, upload, options.signal);
  }
}

async function pause(ms: number, { manifest }: QueuedUpload, signal: AbortSignal | undefined): Promise<void> {
  const jittered = Math.min(ms, LONGEST_PAUSE_MS) * (1 - JITTER + 2 * JITTER * Math.random());
  try {
    await sleep(jittered, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    throw new AkoshaError('Cancelled', `upload ${manifest.uploadId}: cancelled between two tries`, {
      cause: error,
    });
  }
}

/** Whether an error is the upload's or the caller's, so that no other try and no other method can help. */
export function isNotTheMethods(error: unknown): boolean {
  return isAkoshaError(error) && NOT_THE_METHODS.includes(error.type);
}

/**
 * A method's own error type says nothing about permanence; what it was caused by does. A foreign error is tried again:
 * nothing is known of it.
 */
export function isPermanent(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (error instanceof AkoshaError && ERROR_TYPES[error.type].permanent) || isPermanent(error.cause);
}

function allFailed({ manifest }: QueuedUpload, methods: readonly MethodFailure[]): AkoshaError {
  const reasons = methods.map(({ method, error }) => `${method}: ${error}`).join('; ');
  return new AkoshaError(
    'HybridSyncError',
    `no method delivered upload ${manifest.uploadId} of system ${manifest.systemId}: ${reasons}`,
    { details: { systemId: manifest.systemId, uploadId: manifest.uploadId, methods } },
  );
}
