import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { AkoshaError, isAkoshaError, messageOf, type DrillReport } from '../contract/index.js';
import { throwIfAborted } from '../objects/index.js';
import { inScratch } from '../runtime/index.js';
import type { ForgetStore, PlacedStore, RowCursor, ScrubStore, StoreRebuild } from '../store/index.js';
import type { MaintenanceLog } from './context.js';
import { compareStores } from './drill-compare.js';
import type { RebuildContext } from './rebuild/context.js';
import { rebuildStore } from './rebuild/rebuild-store.js';

/** What a restore drill works with. */
export interface DrillContext {
  /** The one that serves. */
  store: PlacedStore & ScrubStore & Pick<ForgetStore, 'listForgets' | 'isKeeper'>;
  /** Its folder. */
  storeFolder: string;
  /** A folder for files in transit, on the disk that the copy goes to. */
  scratch: string;
  /** Begins a rebuild in an empty folder. */
  openRebuild: (folder: string) => Promise<StoreRebuild>;
  rebuild: Pick<RebuildContext, 'uploads' | 'archive' | 'readManifest' | 'hashFile'>;
  freeBytes: (folder: string) => Promise<number>;
  /** How often it looks whether something is being forgotten, in milliseconds; by default every 5 s. */
  giveWayMs?: number;
  /** The system's clock, milliseconds since 1970. */
  now: () => number;
  log?: MaintenanceLog;
}

interface DrillTools {
  signal?: AbortSignal | undefined;
  onProgress?: (progress: { step: string; done: number }) => void;
}

/** Those under way: two beside each other would take twice the disk, and say the same. */
const running = new WeakSet<DrillContext>();

/**
 * Rebuilds the store from object storage alone into a scratch folder, compares it with the one that serves, and removes it. Takes nothing from
 * object storage but reads, and nothing from the store that serves. What keeps a store from coming back is the report's reason; `StoreBusy` where a
 * drill runs, or where something is forgotten meanwhile: the copy goes at once then; `ObjectStoreUnavailable` and `Cancelled` say nothing of it and are raised.
 */
export async function restoreDrill(
  context: DrillContext,
  drillId: string,
  tools: DrillTools = {},
): Promise<DrillReport> {
  const { store, now, log } = context;
  if (running.has(context)) throw new AkoshaError('StoreBusy', 'a restore drill is under way');
  running.add(context);
  try {
    await store.beginCheck('drill', drillId);
    const begunAt = now();
    const outcome = await tryDrill(context, begunAt, tools);
    const seconds = (now() - begunAt) / 1000;
    const report: DrillReport = { ...outcome, passed: outcome.reason === null, seconds };
    await store.endCheck(drillId, { passed: report.passed, report: JSON.stringify(report) });
    if (report.passed) log?.info({ drillId, ...report }, 'restore drill passed');
    else log?.warn({ drillId, ...report }, 'restore drill failed');
    return report;
  } finally {
    running.delete(context);
  }
}

type Outcome = Omit<DrillReport, 'passed' | 'seconds'>;

const NOTHING: Omit<Outcome, 'reason'> = { memories: 0, later: 0, mismatches: 0, examples: [], objects: 0 };

async function tryDrill(context: DrillContext, begunAt: number, tools: DrillTools): Promise<Outcome> {
  const lacking = await lackingRoom(context);
  if (lacking !== undefined) return { ...NOTHING, reason: lacking };
  const way = watchForgets(context, begunAt);
  const signal = tools.signal === undefined ? way.signal : AbortSignal.any([way.signal, tools.signal]);
  try {
    for (let isSecond = false; ; isSecond = true) {
      try {
        return await inScratch(context.scratch, 'drill-', (folder) =>
          drill(context, folder, begunAt, { ...tools, signal }),
        );
      } catch (error) {
        way.signal.throwIfAborted();
        if (signal.aborted || isAkoshaError(error, 'ObjectStoreUnavailable')) throw error;
        // A receipt that retention deleted between its listing and its reading: the next listing lacks it.
        if (!isAkoshaError(error, 'ObjectNotFound') || isSecond)
          return { ...NOTHING, reason: `the rebuild failed: ${messageOf(error)}` };
      }
    }
  } finally {
    way.end();
  }
}

/** Far more often than a forget waits between its looks, which is for the longest request and search. */
const GIVE_WAY_MS = 5_000;

/**
 * What is forgotten while a copy stands would be in the copy after the forget's receipt: the signal is raised with `StoreBusy` then, so that the copy
 * goes before, and another attempt makes one without it.
 */
function watchForgets(
  { store, giveWayMs = GIVE_WAY_MS }: DrillContext,
  begunAt: number,
): { signal: AbortSignal; end: () => void } {
  const controller = new AbortController();
  const look = async (): Promise<void> => {
    const forgets = await store.listForgets(FORGETS);
    if (forgets.every((record) => record.begunAt < begunAt)) return;
    controller.abort(
      new AkoshaError(
        'StoreBusy',
        'something is forgotten meanwhile: the copy goes, and the drill begins anew',
      ),
    );
  };
  // One that fails is followed by the next; a store that fails for good ends the drill as well.
  const timer = setInterval(() => void look().catch(() => undefined), giveWayMs);
  return { signal: controller.signal, end: () => clearInterval(timer) };
}

/** More than are asked for while a drill runs. */
const FORGETS = 1_000;

/** The copy has hot and warm in full, with the logs that fill before they are folded in, and a catalog with the tables of a rebuild. */
const ROOM_FACTOR = 1.5;
const ROOM_LEAST = 512 * 2 ** 20;

async function lackingRoom({ storeFolder, scratch, freeBytes }: DrillContext): Promise<string | undefined> {
  const sizes = await Promise.all(
    (await readdir(storeFolder)).map(async (name) => (await stat(path.join(storeFolder, name))).size),
  );
  const needed = ROOM_LEAST + ROOM_FACTOR * sizes.reduce((sum, size) => sum + size, 0);
  const free = await freeBytes(scratch);
  if (free >= needed) return undefined;
  const mib = (bytes: number): number => Math.ceil(bytes / 2 ** 20);
  return `${scratch} has ${mib(free)} MiB free, and the copy needs ${mib(needed)}: make room, or set AKOSHA_DATA_DIR to a larger disk`;
}

async function drill(
  context: DrillContext,
  folder: string,
  begunAt: number,
  { signal, onProgress = () => undefined }: DrillTools,
): Promise<Outcome> {
  const { store } = context;
  const lastObject = await store.lastObject();
  const rebuild = await context.openRebuild(folder);
  try {
    const rebuilt = await rebuildStore({
      ...context.rebuild,
      rebuild,
      scratch: folder,
      // The one that serves goes on: what it writes or deletes meanwhile is known by its object's number.
      longestMs: 0,
      oldServerDeadSince: begunAt,
      skipDamaged: true,
      now: context.now,
      onProgress: ({ step, done }) => onProgress({ step, done }),
      onDamaged: () => undefined,
      ...(signal === undefined ? {} : { signal }),
    });
    onProgress({ step: 'compare', done: 0 });
    const compared = await compareStores({ store, rebuild, begunAt, lastObject }, (done) => {
      throwIfAborted(signal, 'restore drill');
      onProgress({ step: 'compare', done });
    });
    const reasons = [
      await damagedKeepers(context, rebuilt.damaged),
      await brokenRows(rebuild, signal),
      compared.mismatches === 0
        ? undefined
        : `${compared.mismatches} of ${compared.memories} memories differ`,
    ].filter((reason) => reason !== undefined);
    const objects = rebuilt.journals + rebuilt.cold;
    return { ...compared, objects, reason: reasons.length === 0 ? null : reasons.join('; ') };
  } finally {
    await rebuild.close();
  }
}

/** What was swept between its listing and its reading keeps nothing any more. */
async function damagedKeepers(
  { store }: DrillContext,
  damaged: readonly string[],
): Promise<string | undefined> {
  const names: string[] = [];
  for (const name of damaged) if (await store.isKeeper(name)) names.push(name);
  return names.length === 0
    ? undefined
    : `${names.length} objects that keep memories are damaged or gone, ${names[0] ?? ''} the first`;
}

const PAGE_ROWS = 5_000;

/** The rows themselves, as they were written to hot and warm, with the hashes that their placements say. */
async function brokenRows(
  rebuild: StoreRebuild,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  let broken = 0;
  for (let cursor: RowCursor | null = { tier: 'hot', table: '', after: -1 }; cursor !== null;) {
    const part: Awaited<ReturnType<StoreRebuild['scrubRows']>> = await rebuild.scrubRows(
      cursor,
      PAGE_ROWS,
      signal,
    );
    broken += part.findings.length;
    cursor = part.next;
  }
  return broken === 0 ? undefined : `${broken} rows of the copy are not what their placements say`;
}
