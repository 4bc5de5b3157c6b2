import { setTimeout as sleep } from 'node:timers/promises';
import type { AkoshaClient } from '../client/index.js';
import { AkoshaError, messageOf, type ForgetScope } from '../contract/index.js';
import {
  liftForget,
  requestForget,
  resumeForgets,
  standingForgets,
  type ForgetContext,
} from '../maintenance/index.js';
import { scopeIdOf } from '../memory/index.js';
import type { ForgetRecord, MemoryStore } from '../store/index.js';
import type { Logger } from '../telemetry/index.js';

/**
 * A forget is erased by a workflow, which is started when it is asked for. This is for one whose start did not reach Temporal: nobody finds
 * anything of it meanwhile. A look-up in the catalog, and as a rule nothing is there.
 */
const RESUME_MS = 10_000;

export interface ForgetsOptions {
  forget: ForgetContext;
  client: Pick<AkoshaClient, 'forgetSystem'>;
  log: Logger;
}

/** Forgets as the API serves them: the tombstone at once, also while Temporal is away; what follows once it is there. */
export class Forgets {
  readonly #options: ForgetsOptions;

  constructor(options: ForgetsOptions) {
    this.#options = options;
  }

  async request(scope: ForgetScope): Promise<{ record: ForgetRecord; started: boolean }> {
    const { forget } = this.#options;
    await requestForget(forget, scope);
    const started = await this.#start(scope);
    const record = await forget.store.getForget(scopeIdOf(scope));
    if (record === undefined) throw new Error('a forget that was begun is on no record');
    return { record, started };
  }

  lift(scope: ForgetScope): Promise<void> {
    return liftForget(this.#options.forget, scope);
  }

  /** Goes on with what stands, until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { forget, log } = this.#options;
    // What a server that died had begun is looked for once; later ones are begun here.
    let look = (): Promise<ForgetScope[]> => resumeForgets(forget);
    const isStopping = (): boolean => signal.aborted;
    while (!isStopping()) {
      try {
        for (const scope of await look()) await this.#start(scope);
        look = () => standingForgets(forget);
      } catch (error) {
        if (!isStopping()) log.warn({ err: error }, 'could not look for what is to be erased');
      }
      await sleep(RESUME_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #start(scope: ForgetScope): Promise<boolean> {
    const scopeId = scopeIdOf(scope);
    try {
      await this.#options.client.forgetSystem(scopeId, scope);
      return true;
    } catch (error) {
      this.#options.log.warn(
        { scopeId, reason: messageOf(error) },
        'could not start erasing; it is tried again',
      );
      return false;
    }
  }
}

/** Raises `ForgetUnknown`. */
export async function requireForget(store: MemoryStore, scopeId: string): Promise<ForgetRecord> {
  const record = await store.getForget(scopeId);
  if (record !== undefined) return record;
  throw new AkoshaError(
    'ForgetUnknown',
    `${scopeId} was never forgotten: \`akosha forget list\` tells what was`,
    { details: { scopeId } },
  );
}
