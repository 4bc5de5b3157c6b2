import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { AkoshaError, isAkoshaError } from '../../contract/index.js';
import { failPoint } from '../../faults/index.js';
import type { ObjectStore } from '../../objects/index.js';
import type { ObjectPut, WrittenObject } from '../store.js';
import type { HashFile } from './context.js';

export interface PutContext {
  archive: ObjectStore;
  hashFile: HashFile;
  signal: AbortSignal;
  /** Runs what writes for as long as the operation is open. */
  write: (work: () => Promise<unknown>) => Promise<unknown>;
}

/**
 * An object up to this size, the journal of a common upload, goes out from memory and comes back into it: every step by way of the disk
 * costs a thread's turn. Each of some dozens of ingests may hold two of them.
 */
const IN_MEMORY_BYTES = 512 * 1024;

/** Puts a file under a name made of its hash, and reads it back. Raises `ObjectCorrupt` where what comes back is something else. */
export async function putVerified(context: PutContext, put: ObjectPut): Promise<WrittenObject> {
  const { size } = await stat(put.file);
  return size <= IN_MEMORY_BYTES && !put.keepsBack ? putInMemory(context, put) : putByFile(context, put);
}

async function putInMemory({ archive, signal, write }: PutContext, put: ObjectPut): Promise<WrittenObject> {
  const body = await readFile(put.file);
  const sent = describeSent(put, { bytes: body.byteLength, sha256: sha256Of(body) });
  await write(() => archive.put(sent.name, body, { createOnly: true, signal }).catch(ignoreOwnPut));
  failPoint(put.failPoint);
  const back = await archive.get(sent.name, { signal }).catch(asLost(sent));
  return requireSame(sent, sha256Of(back));
}

async function putByFile(
  { archive, hashFile, signal, write }: PutContext,
  put: ObjectPut,
): Promise<WrittenObject> {
  const sent = describeSent(put, await hashFile(put.file, { signal }));
  await write(() => archive.putFile(sent.name, put.file, { createOnly: true, signal }).catch(ignoreOwnPut));
  failPoint(put.failPoint);
  await archive.getFile(sent.name, put.back, { signal }).catch(asLost(sent));
  const found = await hashFile(put.back, { signal });
  return requireSame(sent, found.sha256);
}

function describeSent({ name }: ObjectPut, { bytes, sha256 }: Omit<WrittenObject, 'name'>): WrittenObject {
  return { name: name(sha256), bytes, sha256 };
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The name holds the operation's id: a taken key is this operation's own put whose answer was lost, and the read back tells. */
function ignoreOwnPut(error: unknown): void {
  if (!isAkoshaError(error, 'ObjectExists')) throw error;
}

/** Missing is like different: the attempt is over, and the next one writes anew. */
function asLost({ name }: WrittenObject): (error: unknown) => never {
  return (error) => {
    if (!isAkoshaError(error, 'ObjectNotFound')) throw error;
    throw new AkoshaError('ObjectCorrupt', `${name} was put and is not there`, { cause: error });
  };
}

function requireSame(sent: WrittenObject, found: string): WrittenObject {
  if (found === sent.sha256) return sent;
  throw new AkoshaError(
    'ObjectCorrupt',
    `${sent.name} read back has SHA-256 ${found}, written was ${sent.sha256}`,
  );
}
