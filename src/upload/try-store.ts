import { randomUUID } from 'node:crypto';
import { AkoshaError, isAkoshaError, SYSTEMS_PREFIX } from '../contract/index.js';
import type { ObjectStore } from '../objects/index.js';

/** Longer than the object store's own limit for a request would only make a person wait who asks what is wrong. */
const TIMEOUT_MS = 10_000;

/**
 * Does what an upload needs of an object store, with one small object of this host's: writes it create-only, checks that a second such
 * write is refused, and reads it back. The object is always the same one, because a host need not have the right to delete it; where it has,
 * it is taken away again.
 *
 * Raises what the failing step raised, with the step in its message; `ObjectStoreRefused` for a store that lets a create-only write replace
 * an object, where two uploads of one id could not be told apart.
 */
export async function tryObjectStore(store: ObjectStore, systemId: string): Promise<void> {
  const key = `${SYSTEMS_PREFIX}${systemId}/doctor.txt`;
  const options = { signal: AbortSignal.timeout(TIMEOUT_MS) };
  const write = (text: string): Promise<boolean> =>
    store.put(key, text, { ...options, createOnly: true, contentType: 'text/plain' }).then(
      () => true,
      (error: unknown) => {
        if (isAkoshaError(error, 'ObjectExists')) return false;
        throw error;
      },
    );
  // It may stand from an earlier look.
  await step('writing', () => write(`written by akosha doctor, ${randomUUID()}\n`));
  const replaced = await step('writing create-only', () => write('replaced\n'));
  if (replaced) {
    throw new AkoshaError(
      'ObjectStoreRefused',
      `${store.url} lets a create-only write replace an object (If-None-Match is ignored): use a server that supports conditional writes`,
    );
  }
  await step('reading', () => store.get(key, options));
  await store.delete([key], options).catch(() => undefined);
}

async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isAkoshaError(error)) throw error;
    throw new AkoshaError(error.type, `${what} failed: ${error.message}`, {
      cause: error,
      details: error.details,
    });
  }
}
