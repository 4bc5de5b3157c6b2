import { isAkoshaError } from '../../contract/index.js';
import type { ObjectPut, Operation, WrittenObject } from '../store.js';
import type { EngineContext } from './context.js';
import { putVerified } from './put-object.js';

/** What every operation of the engine has in common. */
export abstract class OpenOperation implements Operation {
  protected committed = false;

  constructor(
    protected readonly context: EngineContext,
    readonly opId: number,
    /** The latch's: raised where the operation is closed or its caller gives up. */
    protected readonly signal: AbortSignal,
  ) {}

  write<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.context.latch.write(this.opId, work);
  }

  putObject(put: ObjectPut): Promise<WrittenObject> {
    const { archive, hashFile } = this.context;
    return putVerified({ archive, hashFile, signal: this.signal, write: (work) => this.write(work) }, put);
  }

  async close(): Promise<void> {
    await this.context.latch.close(this.opId);
    try {
      if (!this.committed) await abort(this.context, this.opId);
    } finally {
      await this.release();
    }
  }

  /** Frees what the operation holds outside the catalog. */
  protected abstract release(): Promise<void>;
}

/** First its writes end, then the catalog calls it aborted: in the other order a late write could outlive the sweep. */
export async function abandon(context: EngineContext, opId: number): Promise<void> {
  await context.latch.close(opId);
  await abort(context, opId);
}

/** Where the catalog cannot be written, as on a full disk, it is noted for `closeLeft`. */
async function abort(context: EngineContext, opId: number): Promise<void> {
  context.leftOpen.add(opId);
  await context.catalog.write.abortOperation(opId, context.now());
  context.leftOpen.delete(opId);
}

/** Aborts what ended when that could not be written, before the next is opened: the rows of its batch would be nobody else's until its lease ran out. */
export async function closeLeft(context: EngineContext): Promise<void> {
  for (const opId of context.leftOpen) await abort(context, opId);
}

/** Attempts at one target may race to open; each loser closes what it finds and tries again, a few times. */
const OPEN_ATTEMPTS = 5;

/** Opens an operation on a target, and closes the attempts at it that are still open: the newest attempt wins. */
export async function openExclusively<T>(
  context: EngineContext,
  target: string,
  open: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      // As a rule there is none, and to look first would be a call more for every one.
      return await open();
    } catch (error) {
      if (!isAkoshaError(error, 'OperationClosed') || attempt === OPEN_ATTEMPTS) throw error;
      const others = await context.catalog.write.openOperations(target);
      if (others.length === 0) throw error;
      for (const opId of others) await abandon(context, opId);
    }
  }
}
