import { isAkoshaError, messageOf, type AkoshaError, type UploadRef } from '../contract/index.js';
import type { IngestContext } from './context.js';

/** An upload that could not be found, read or finished. It stays where it is for the next look. */
export interface FailedUpload {
  /** The names of its folders. `uploadId` is null where the uploads of the system could not be listed. */
  ref: { systemId: string; uploadId: string | null };
  reason: string;
}

export interface Discovered {
  /** Uploads that are in the queue since now. */
  added: UploadRef[];
  /** Inbox entries, or folders, that were looked at. */
  seen: number;
  /** Systems with something new. */
  systems: string[];
  failed: FailedUpload[];
  /** Names that are no upload's, so that nothing of what lies under them is ever ingested. */
  skipped: number;
}

interface SkippedName {
  name: string;
  reason: string;
}

/** Objects read at once: enough to hide the store's latency, few enough to spare its connections. */
const CONCURRENCY = 8;

/** Failed uploads, and skipped names, that one line of the log names: where it is more, they are alike. */
const LOGGED = 10;

/**
 * One look for uploads. What fails for one upload is noted, so that it holds up no other; only what must fail for every upload
 * ends the look.
 */
export class Look {
  readonly added: UploadRef[] = [];
  readonly failed: FailedUpload[] = [];
  seen = 0;
  readonly #context: IngestContext;
  readonly #prefix: string | undefined;
  readonly #firstSkipped: SkippedName[] = [];
  #skipped = 0;
  #succeeded = 0;
  #first: unknown;
  #ending: { error: unknown } | undefined;

  /** `prefix`: where this looks at everything there is. */
  constructor(context: IngestContext, prefix?: string) {
    this.#context = context;
    this.#prefix = prefix;
  }

  /**
   * Runs `step` for every upload, some at once, and returns in their order what it gave. Begins no more of them after a failure
   * that ends the look.
   */
  async each<Ref extends UploadRef, T>(refs: readonly Ref[], step: (ref: Ref) => Promise<T>): Promise<T[]> {
    const results: T[] = [];
    for (let i = 0; i < refs.length && this.#ending === undefined; i += CONCURRENCY) {
      const batch = refs.slice(i, i + CONCURRENCY);
      for (const result of await Promise.all(batch.map((ref) => this.#run(ref, () => step(ref))))) {
        results.push(...result);
      }
    }
    return results;
  }

  /** Notes a name that is no upload's. */
  skip(name: string, reason: string): void {
    this.#skipped++;
    if (this.#firstSkipped.length < LOGGED) this.#firstSkipped.push({ name, reason });
  }

  /** Notes an upload that cannot be queued, or a system whose uploads cannot be listed. */
  fail({ systemId, uploadId }: FailedUpload['ref'], error: AkoshaError): void {
    this.#first ??= error;
    this.failed.push({ ref: { systemId, uploadId }, reason: error.message });
  }

  /** Raises what ended the look. Called between steps and not in them: what was read before is queued all the same. */
  throwIfEnded(): void {
    if (this.#ending !== undefined) throw this.#ending.error;
  }

  /** Raises where nothing at all succeeded: then it is the store, or what it grants this process. */
  result(): Discovered {
    this.throwIfEnded();
    if (this.failed.length > 0 && this.#succeeded === 0) throw this.#first;
    const { added, seen, systems, failed, skipped } = this.part();
    return { added, seen, systems, failed, skipped };
  }

  /** The same for a part of something larger: whether nothing at all succeeded is told by all of its parts together. */
  part(): Discovered & { succeeded: number; fault: unknown } {
    this.throwIfEnded();
    this.#tellSkipped();
    if (this.failed.length > 0) {
      this.#context.log?.warn(
        { failed: this.failed.length, first: this.failed.slice(0, LOGGED) },
        'some uploads could not be looked at; the next look tries again',
      );
    }
    return {
      added: this.added,
      seen: this.seen,
      systems: [...new Set(this.added.map((ref) => ref.systemId))],
      failed: this.failed,
      skipped: this.#skipped,
      succeeded: this.#succeeded,
      fault: this.#first,
    };
  }

  #tellSkipped(): void {
    if (this.#prefix !== undefined) this.#context.events?.skipped(this.#prefix, this.#skipped);
    if (this.#skipped === 0) return;
    this.#context.log?.warn(
      { skipped: this.#skipped, first: this.#firstSkipped },
      'names that are no upload’s are skipped',
    );
  }

  /** One result, or none where the step failed. */
  async #run<T>({ systemId, uploadId }: UploadRef, step: () => Promise<T>): Promise<[T] | []> {
    try {
      const result = await step();
      this.#succeeded++;
      return [result];
    } catch (error) {
      if (isAkoshaError(error, 'Cancelled') || isAkoshaError(error, 'ObjectStoreUnavailable')) {
        this.#ending ??= { error };
      } else {
        this.#first ??= error;
        this.failed.push({ ref: { systemId, uploadId }, reason: messageOf(error) });
      }
      return [];
    }
  }
}
