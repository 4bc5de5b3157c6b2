import { keyText, type ScrubFinding } from '../../contract/index.js';
import type { ScrubbedPart, ScrubObject } from '../store.js';
import type { EngineContext } from './context.js';
import { describePlaced, NOTHING_FOUND, unplaced } from './scrub-findings.js';
import { ObjectCopy } from './tiers/scrubbing.js';

/** Placements of an object that are compared together: some megabytes. */
const KEPT_AT_ONCE = 10_000;

const NEVER = new AbortController().signal;

export async function scrubObject(
  context: EngineContext,
  object: ScrubObject,
  file: string,
  signal: AbortSignal = NEVER,
): Promise<ScrubbedPart> {
  const copy = await ObjectCopy.open(context.tiers, file, signal);
  try {
    const kept = await compareKept(context, object, copy);
    const standing = object.kind === 'cold' ? await comparePlaced(context, object, copy) : NOTHING_FOUND;
    return {
      counts: { placements: kept.counts.placements, rows: standing.counts.rows },
      findings: [...kept.findings, ...standing.findings],
    };
  } finally {
    copy.close();
  }
}

/**
 * An object never changes, and none begins to keep what it did not keep at first: a placement that names the same row and keeper after the look
 * as before it did so all along.
 */
async function compareKept(
  { catalog: { read } }: EngineContext,
  { objectId, name }: ScrubObject,
  copy: ObjectCopy,
): Promise<ScrubbedPart> {
  const findings: ScrubFinding[] = [];
  let placements = 0;
  for (let after = -1; ;) {
    const kept = await read.keptPlacements({ objectId, after, limit: KEPT_AT_ONCE });
    const last = kept.at(-1);
    if (last === undefined) return { counts: { placements, rows: 0 }, findings };
    placements += kept.length;
    after = last.pid;
    const lacking = await copy.lacks(kept);
    if (lacking.size === 0) continue;
    const suspects = kept.filter(({ pid }) => lacking.has(pid));
    const still = new Set(await read.stillKept(objectId, suspects));
    for (const placed of suspects.filter(({ pid }) => still.has(pid)))
      findings.push({
        kind: 'object_lacks_row',
        subject: `${keyText(placed)} in ${name}`,
        expected: describePlaced(placed),
        found: 'no such row',
      });
  }
}

/** A row whose object keeps rows still after the look was in a cold object that counts all along. */
async function comparePlaced(
  { catalog: { read } }: EngineContext,
  { objectId, name }: ScrubObject,
  copy: ObjectCopy,
): Promise<ScrubbedPart> {
  const findings: ScrubFinding[] = [];
  let rows = 0;
  for await (const part of copy.rows()) {
    rows += part.length;
    const first = new Set(await read.unplacedRows(part));
    if (first.size === 0) continue;
    const suspects = part.filter(({ rowId }) => first.has(rowId));
    if (!(await read.keepsRows(objectId))) continue;
    const still = new Set(await read.unplacedRows(suspects));
    for (const row of suspects.filter(({ rowId }) => still.has(rowId)))
      findings.push(unplaced(row, `cold object ${name}`));
  }
  return { counts: { placements: 0, rows }, findings };
}
