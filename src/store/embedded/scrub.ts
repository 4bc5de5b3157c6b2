import type { RowCursor, ScrubStore } from '../store.js';
import type { EngineContext } from './context.js';
import { scrubObject } from './scrub-objects.js';
import { scrubTierRows } from './scrub-rows.js';

/** What the engine does to compare what stands with what is on record. */
export function scrubStore(
  context: EngineContext,
  isDamaged: (tier: RowCursor['tier']) => boolean,
): ScrubStore {
  const { read, write } = context.catalog;
  return {
    lastObject: () => read.lastObject(),
    objectsToScrub: (range) => read.objectsToScrub(range),
    keepsRows: (objectId) => read.keepsRows(objectId),
    scrubObject: (object, file, signal) => scrubObject(context, object, file, signal),
    scrubRows: (cursor, limit, signal) => scrubTierRows(context, isDamaged, { cursor, limit, signal }),
    beginCheck: (kind, checkId) => write.beginCheck({ kind, checkId, now: context.now() }),
    endCheck: (checkId, outcome) => write.endCheck({ checkId, ...outcome, now: context.now() }),
    checks: (kind, limit) => read.checks(kind, limit),
    noteFindings: (checkId, findings) => write.noteFindings({ checkId, findings, now: context.now() }),
    countFindings: (checkId) => read.countFindings(checkId),
    movingStop: () => read.movingStop(),
    standingFindings: (limit) => read.standingFindings(limit),
    countStanding: () => read.countStanding(),
    releaseFindings: (reason) => write.releaseFindings({ reason, now: context.now() }),
  };
}
