import { AkoshaError, isAkoshaError } from '../../contract/index.js';
import { failPoint } from '../../faults/index.js';
import type { ObjectPut, Operation, WrittenObject } from '../store.js';
import type { EngineContext } from './context.js';

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

  async putObject(put: ObjectPut): Promise<WrittenObject> {
    const { archive, hashFile } = this.context;
    const { signal } = this;
    const { bytes, sha256 } = await hashFile(put.file, { signal });
    const name = put.name(sha256);
    await this.write(() => archive.putFile(name, put.file, { createOnly: true, signal }).catch(ignoreOwnPut));
    failPoint(put.failPoint);
    await archive.getFile(name, put.back, { signal }).catch((error: unknown) => {
      // Missing is like different: the attempt is over, and the next one writes anew.
      if (!isAkoshaError(error, 'ObjectNotFound')) throw error;
      throw new AkoshaError('ObjectCorrupt', `${name} was put and is not there`, { cause: error });
    });
    const found = await hashFile(put.back, { signal });
    if (found.sha256 !== sha256) {
      throw new AkoshaError(
        'ObjectCorrupt',
        `${name} read back has SHA-256 ${found.sha256}, written was ${sha256}`,
      );
    }
    return { name, bytes, sha256 };
  }

  async close(): Promise<void> {
    await this.context.latch.close(this.opId);
    try {
      if (!this.committed) await this.context.catalog.write.abortOperation(this.opId, this.context.now());
    } finally {
      await this.release();
    }
  }

  /** Frees what the operation holds outside the catalog. */
  protected abstract release(): Promise<void>;
}

/** The name holds the operation's id: a taken key is this operation's own put whose answer was lost, and the read back tells. */
function ignoreOwnPut(error: unknown): void {
  if (!isAkoshaError(error, 'ObjectExists')) throw error;
}

/** First its writes end, then the catalog calls it aborted: in the other order a late write could outlive the sweep. */
export async function abandon(context: EngineContext, opId: number): Promise<void> {
  await context.latch.close(opId);
  await context.catalog.write.abortOperation(opId, context.now());
}

/** Attempts at one target may race to open; each loser closes what it finds and tries again, a few times. */
const OPEN_ATTEMPTS = 5;

/** Opens an operation on a target after closing the attempts at it that are still open: the newest attempt wins. */
export async function openExclusively<T>(
  context: EngineContext,
  target: string,
  open: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    for (const opId of await context.catalog.write.openOperations(target)) await abandon(context, opId);
    try {
      return await open();
    } catch (error) {
      const raced = isAkoshaError(error, 'OperationClosed') && attempt < OPEN_ATTEMPTS;
      if (!raced || (await context.catalog.write.openOperations(target)).length === 0) throw error;
    }
  }
}
