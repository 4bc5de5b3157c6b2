import { COLD_PREFIX, JOURNAL_PREFIX } from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import { throwIfAborted } from '../objects/index.js';
import type { SweptCounts } from '../store/index.js';
import type { MaintenanceContext } from './context.js';

/**
 * Takes what no placement names: rows, emptied tables, journal and cold objects, of operations that are closed. It scans what
 * stands, again and again, because a dead server's put may still land after any single look. Nothing goes before
 * it has been unnamed for the longest request and search together; and nothing while moving is paused, because whoever paused it may
 * mistrust what stands.
 */
export async function sweep(context: MaintenanceContext, signal?: AbortSignal): Promise<SweptCounts> {
  await context.store.closeExpiredOperations();
  const unnamedBefore = context.now() - context.longestMs;
  const swept = await context.store.sweepRows({ unnamedBefore }, signal);
  if (swept.paused === true) return swept;
  for (const prefix of [JOURNAL_PREFIX, COLD_PREFIX]) {
    for await (const page of context.archive.list(prefix, {
      purpose: 'sweep',
      ...(signal === undefined ? {} : { signal }),
    })) {
      if ((await context.store.tierPause()) !== undefined) return { ...swept, paused: true };
      const names = page.objects.map(({ key }) => key);
      const chosen = await context.store.chooseObjects(names, { unnamedBefore });
      if (chosen.length === 0) continue;
      throwIfAborted(signal, 'sweep of objects');
      await context.archive.delete(chosen);
      failPoint('sweep.after-objects');
      await context.store.forgetObjects(chosen);
      swept.objects += chosen.length;
    }
  }
  await forgetVanished(context, signal);
  return swept;
}

/** A sweep that died between deleting an object and saying so left it on record; no listing shows it any more. */
async function forgetVanished(
  { store, archive }: MaintenanceContext,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const name of await store.unnamedObjects()) {
    throwIfAborted(signal, 'sweep of objects');
    if ((await archive.head(name)) === undefined) await store.forgetObjects([name]);
  }
}
