import type { ExpiryLedger } from '../store.js';
import type { EngineContext } from './context.js';

/** What the engine does about memories that are older than they are kept. */
export function expiryLedger(context: EngineContext): ExpiryLedger {
  const { read, scan, write } = context.catalog;
  return {
    expiring: async (time) => {
      const cutoff = context.keptSince(time);
      return cutoff === null ? undefined : { cutoff, memories: await scan.countExpiring(cutoff) };
    },
    knownTimes: () => scan.knownTimes(),
    arePinsSaved: () => read.arePinsSaved(),
    decideExpiry: async (time, by) => {
      const [cutoff, keptDays] = [context.keptSince(time), context.policy.retentionDays];
      if (cutoff === null || keptDays === undefined) return undefined;
      const [decidedAt, beforeId] = [context.now(), await write.takeExpiryId()];
      const id = `${new Date(decidedAt).toISOString().replaceAll(':', '')}-${beforeId}`;
      return { id, decidedAt, by, keptDays, cutoff, beforeId };
    },
    beginExpiry: (receipt) => write.beginExpiry(receipt),
    expireBatch: (expiryId, limit, transitionId) => {
      const now = context.now();
      return write.expireBatch({ expiryId, limit, transitionId, now, keptSince: context.keptSince(now) });
    },
    expiredMemories: (expiryId) => read.expiredMemories(expiryId),
    endExpiry: (expiryId, endedAt) => write.endExpiry(expiryId, endedAt),
    expiryIds: () => read.expiryIds(),
    openExpiries: () => read.openExpiries(),
    loadExpiries: (receipts) => write.loadExpiries(receipts),
  };
}
