import path from 'node:path';
import {
  addScrubbed,
  isAkoshaError,
  NOTHING_SCRUBBED,
  type RepairableTier,
  type ScrubCounts,
  type ScrubCursor,
  type ScrubFinding,
  type ScrubPortion,
  type ScrubReport,
} from '../contract/index.js';
import { throwIfAborted, type ObjectStore } from '../objects/index.js';
import { inScratch } from '../runtime/index.js';
import type { ScrubObject, ScrubStore, TierDamage } from '../store/index.js';
import type { HashFile } from './backup/hash-file.js';
import type { MaintenanceLog } from './context.js';
import type { Pace } from './pace.js';

/** What a scrub works with. */
export interface ScrubContext {
  store: ScrubStore & { damaged(): readonly TierDamage[] };
  /** `journal/` and `cold/`. */
  archive: ObjectStore;
  /** A folder for files in transit. */
  scratch: string;
  hashFile: HashFile;
  /** Of bytes that are read from object storage, and of rows that are read from the tiers. Absent: as fast as it goes. */
  bytesPace?: Pace;
  rowsPace?: Pace;
  /** Told of what is found. */
  log?: MaintenanceLog;
}

interface ScrubTools {
  signal?: AbortSignal | undefined;
  /** Told after each page what was looked at in this portion. */
  onProgress?: (counts: ScrubCounts) => void;
}

/** A portion ends after so long: a crash repeats no more, and a history with one for each minute stays small. */
const PORTION_MS = 60_000;

/** Objects of a page, and of these at once: a cold one can have 64 MiB, and they lie on the disk together. */
const PAGE_OBJECTS = 16;
const AT_ONCE = 4;

/** Rows of a page: some megabytes of keys and hashes. */
const PAGE_ROWS = 5_000;

/** With so many the rest would say nothing new: a file or a prefix is gone, and every row in it would be one more. */
const MOST_FINDINGS = 1_000;

/**
 * Compares what stands with what is on record, for about a minute: every object that keeps rows with its checksum, and with the placements whose
 * rows it keeps; every placement with its row, and every row with its placement. It runs beside ingests, moves and forgets: what differs counts
 * only where the catalog says so once more and a second look finds it again. From the first finding on nothing is moved or deleted.
 */
export async function scrubPortion(
  context: ScrubContext,
  { scrubId, after }: { scrubId: string; after: ScrubCursor | null },
  { signal, onProgress = () => undefined }: ScrubTools = {},
): Promise<ScrubPortion> {
  const { store } = context;
  await store.beginCheck('scrub', scrubId);
  let cursor: ScrubCursor | null = after ?? { part: 'objects', after: 0, upTo: await store.lastObject() };
  let counts = NOTHING_SCRUBBED;
  const until = performance.now() + PORTION_MS;
  do {
    throwIfAborted(signal, 'scrub');
    const page: Page =
      cursor.part === 'objects'
        ? await scrubObjects(context, cursor, signal)
        : await scrubRows(context, cursor, signal);
    counts = addScrubbed(counts, page.counts);
    const standing = await note(context, scrubId, page.findings);
    onProgress(counts);
    cursor = standing < MOST_FINDINGS ? page.next : null;
  } while (cursor !== null && performance.now() < until);
  return { counts, next: cursor };
}

/** Puts down what a scrub came to. A second time it says the same. */
export async function endScrub(
  { store, log }: ScrubContext,
  { scrubId, counts }: { scrubId: string; counts: ScrubCounts },
): Promise<ScrubReport> {
  const findings = await store.countFindings(scrubId);
  const skipped: RepairableTier[] = store.damaged().map(({ tier }) => tier);
  const report: ScrubReport = { ...counts, findings, skipped };
  await store.endCheck(scrubId, { passed: findings === 0, report: JSON.stringify(report) });
  log?.info({ scrubId, ...report }, 'scrub ended');
  return report;
}

interface Page {
  counts: ScrubCounts;
  findings: ScrubFinding[];
  next: ScrubCursor | null;
}

async function note(
  { store, log }: ScrubContext,
  scrubId: string,
  findings: readonly ScrubFinding[],
): Promise<number> {
  if (findings.length === 0) return 0;
  const standing = await store.noteFindings(scrubId, findings.slice(0, MOST_FINDINGS));
  log?.warn(
    { scrubId, findings: findings.length, first: findings[0] },
    'a scrub found what is not as it should be; moving is stopped',
  );
  return standing;
}

async function scrubRows(
  { store, rowsPace }: ScrubContext,
  { tier, table, after }: Extract<ScrubCursor, { part: 'rows' }>,
  signal: AbortSignal | undefined,
): Promise<Page> {
  await rowsPace?.wait(signal);
  const begunAt = performance.now();
  const { counts, findings, next } = await store.scrubRows({ tier, table, after }, PAGE_ROWS, signal);
  rowsPace?.moved(counts.rows, begunAt);
  return {
    counts: { ...NOTHING_SCRUBBED, ...counts },
    findings,
    next: next === null ? null : { part: 'rows', ...next },
  };
}

const FIRST_ROWS: ScrubCursor = { part: 'rows', tier: 'hot', table: '', after: -1 };

async function scrubObjects(
  context: ScrubContext,
  { after, upTo }: Extract<ScrubCursor, { part: 'objects' }>,
  signal: AbortSignal | undefined,
): Promise<Page> {
  const objects = await context.store.objectsToScrub({ after, upTo, limit: PAGE_OBJECTS });
  const last = objects.at(-1);
  const page: Page = {
    counts: NOTHING_SCRUBBED,
    findings: [],
    next:
      last === undefined || objects.length < PAGE_OBJECTS
        ? FIRST_ROWS
        : { part: 'objects', after: last.objectId, upTo },
  };
  for (let from = 0; from < objects.length; from += AT_ONCE) {
    throwIfAborted(signal, 'scrub of objects');
    await context.bytesPace?.wait(signal);
    const begunAt = performance.now();
    const some = objects.slice(from, from + AT_ONCE);
    for (const { counts, findings } of await Promise.all(
      some.map((one) => scrubObject(context, one, signal)),
    )) {
      page.counts = addScrubbed(page.counts, counts);
      page.findings.push(...findings);
    }
    context.bytesPace?.moved(
      some.reduce((sum, { bytes }) => sum + bytes, 0),
      begunAt,
    );
  }
  return page;
}

async function scrubObject(
  context: ScrubContext,
  object: ScrubObject,
  signal: AbortSignal | undefined,
): Promise<Omit<Page, 'next'>> {
  const counted = { ...NOTHING_SCRUBBED, objects: 1, bytes: object.bytes };
  return inScratch(context.scratch, 'scrub-', async (scratch) => {
    const file = path.join(scratch, 'object.parquet');
    const fault = await confirmFault(context, object, file, signal);
    if (fault === 'unnamed') return { counts: NOTHING_SCRUBBED, findings: [] };
    if (fault !== undefined) return { counts: counted, findings: [fault] };
    const { counts, findings } = await context.store.scrubObject(object, file, signal);
    return { counts: { ...counted, ...counts }, findings };
  });
}

/**
 * Fetches an object, and says what is wrong with it. One that keeps rows after the look kept them all along, for none begins to again: it should be
 * there, and whole. The second look leaves out what went wrong on the way.
 */
async function confirmFault(
  context: ScrubContext,
  object: ScrubObject,
  file: string,
  signal: AbortSignal | undefined,
): Promise<ScrubFinding | 'unnamed' | undefined> {
  let fault: ScrubFinding | undefined;
  for (const _look of ['first', 'second']) {
    fault = await fetchObject(context, object, file, signal);
    if (fault === undefined) return undefined;
    if (!(await context.store.keepsRows(object.objectId))) return 'unnamed';
  }
  return fault;
}

async function fetchObject(
  { archive, hashFile }: ScrubContext,
  { name, bytes, sha256 }: ScrubObject,
  file: string,
  signal: AbortSignal | undefined,
): Promise<ScrubFinding | undefined> {
  const expected = describe({ bytes, sha256 });
  try {
    await archive.getFile(name, file, signal === undefined ? {} : { signal });
  } catch (error) {
    // What the store itself takes for damaged on its way.
    if (isAkoshaError(error, 'ObjectCorrupt'))
      return { kind: 'object_differs', subject: name, expected, found: error.message };
    if (!isAkoshaError(error, 'ObjectNotFound')) throw error;
    return { kind: 'object_missing', subject: name, expected, found: 'no such object' };
  }
  const found = await hashFile(file);
  if (found.sha256 === sha256 && found.bytes === bytes) return undefined;
  return { kind: 'object_differs', subject: name, expected, found: describe(found) };
}

function describe({ bytes, sha256 }: { bytes: number; sha256: string }): string {
  return `${bytes} bytes, SHA-256 ${sha256}`;
}
