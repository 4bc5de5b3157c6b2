import path from 'node:path';
import {
  AkoshaError,
  COLD_PREFIX,
  isAkoshaError,
  JOURNAL_PREFIX,
  operationOfObject,
  rewrittenKey,
  systemOfObject,
  type ForgetScope,
} from '../../contract/index.js';
import { failPoint } from '../../faults/index.js';
import { throwIfAborted } from '../../objects/index.js';
import type { Tombstone } from '../../memory/index.js';
import { inScratch } from '../../runtime/index.js';
import type { Erasure, RewriteOperation } from '../../store/index.js';
import type { MaintenanceContext } from '../context.js';

/** One look through the objects that can hold rows of a scope. */
export interface ObjectErasure {
  context: MaintenanceContext;
  tombstone: Tombstone;
  erasure: Erasure;
  signal: AbortSignal | undefined;
  /** Told after each object that was looked through. */
  onObject: (seen: number) => void;
}

/**
 * Every journal and cold object that holds rows of the scope goes, whether a placement names it or not, or is written anew without them.
 * Only what stands in object storage counts: the catalog does not know what a dead attempt put. Returns how many there were.
 */
export async function eraseObjects(pass: ObjectErasure): Promise<number> {
  const { context, tombstone, signal } = pass;
  let [seen, erased] = [0, 0];
  for (const prefix of prefixesOf(tombstone.scope)) {
    const options = signal === undefined ? {} : { signal };
    for await (const { objects } of context.archive.list(prefix, options)) {
      const names = objects.map(({ key }) => key).filter((name) => operationOfObject(name) !== undefined);
      if (tombstone.scope.scope === 'system') {
        await deleteObjects(pass, names);
        erased += names.length;
      } else {
        for (const name of names) if (await eraseFrom(pass, name)) erased++;
      }
      pass.onObject((seen += names.length));
    }
  }
  return erased;
}

function prefixesOf({ systemId }: ForgetScope): string[] {
  const prefixes = [JOURNAL_PREFIX, COLD_PREFIX];
  return systemId === null ? prefixes : prefixes.map((prefix) => `${prefix}system=${systemId}/`);
}

/** Returns whether there was something to erase. */
async function eraseFrom(pass: ObjectErasure, name: string): Promise<boolean> {
  const { context, erasure, signal } = pass;
  throwIfAborted(signal, 'erasing of objects');
  return inScratch(context.scratch, 'forget-', async (scratch) => {
    const file = path.join(scratch, 'object.parquet');
    try {
      await context.archive.getFile(name, file, signal === undefined ? {} : { signal });
    } catch (error) {
      // Swept since it was listed.
      if (isAkoshaError(error, 'ObjectNotFound')) return false;
      throw error;
    }
    const { inScope, others } = await erasure.countRows(file);
    if (inScope === 0) return false;
    // One that is not on record is what a dead attempt left.
    if (others > 0) await rewrite(pass, { name, file, scratch, others });
    await deleteObjects(pass, [name]);
    return true;
  });
}

interface RewrittenSource {
  name: string;
  /** Its local copy, and a folder for what is made of it. */
  file: string;
  scratch: string;
  /** Rows that it holds beside those of the scope. */
  others: number;
}

/** Returns whether the object was on record, and so is written anew. */
async function rewrite(pass: ObjectErasure, source: RewrittenSource): Promise<void> {
  const { context, tombstone, signal } = pass;
  const { name } = source;
  const systemId = systemOfObject(name);
  const operation = await context.store.openRewrite({ kind: 'erase', systemId, sources: [name] }, signal);
  if (operation === undefined) return;
  try {
    await writeOthers(pass, operation, source);
    failPoint('forget.after-rewrite-commit');
    await context.store.addForgetCounts(tombstone, { objectsRewritten: 1 });
  } finally {
    await operation.close();
  }
}

async function writeOthers(
  { erasure }: ObjectErasure,
  operation: RewriteOperation,
  { name, file, scratch, others }: RewrittenSource,
): Promise<void> {
  const rest = path.join(scratch, 'rest.parquet');
  const back = path.join(scratch, 'back.parquet');
  await operation.write(() => erasure.exportOthers(file, rest, operation.objectKind));
  const object = await operation.putObject({
    file: rest,
    back,
    keepsBack: true,
    name: (sha256) => rewrittenKey(name, operation.opId, sha256),
    failPoint: 'forget.after-rewrite-put',
  });
  await erasure.verifyOthers(file, back);
  failPoint('forget.before-rewrite-commit');
  await operation.commit(object, others);
}

/** From object storage, then from the cache and the catalog: in the other order a crash would leave one that nobody knows. */
async function deleteObjects({ context, tombstone }: ObjectErasure, names: readonly string[]): Promise<void> {
  for (const name of names) {
    if (!(await context.store.isKeeper(name))) continue;
    throw new AkoshaError('VerifyFailed', `${name} keeps memories that are not to be forgotten`);
  }
  if (names.length === 0) return;
  await context.archive.delete(names);
  failPoint('forget.after-object-delete');
  await context.store.forgetObjects(names);
  await context.store.addForgetCounts(tombstone, { objectsDeleted: names.length });
}
