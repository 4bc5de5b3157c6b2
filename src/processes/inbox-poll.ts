import { setTimeout as sleep } from 'node:timers/promises';
import { pollInbox, type IngestContext } from '../ingest/index.js';
import type { Logger } from '../telemetry/index.js';

export interface InboxPollOptions {
  ingest: IngestContext;
  intervalMs: number;
  log: Logger;
  /** Systems with new rows in the queue: their ingest is told. */
  nudge: (systemIds: string[]) => Promise<void>;
  /** Systems with rows in the queue: their ingest is started where none runs. */
  ensureRunning: (systemIds: string[]) => Promise<void>;
  onBacklog: (uploads: number) => void;
}

/** Systems per look whose ingest is checked on: a backlog of more drains over several looks. */
const SYSTEMS_PER_POLL = 100;

/**
 * Looks at the inbox again and again until the signal fires. A plain loop, so that it goes on while Temporal is away: what it
 * finds is in the queue then, and the nudge follows with a later look.
 */
export async function runInboxPoll(options: InboxPollOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pollOnce(options, signal).catch((error: unknown) => {
      if (!signal.aborted)
        options.log.warn({ err: error }, 'polling the inbox failed; the next poll tries again');
    });
    await sleep(options.intervalMs, undefined, { signal }).catch(() => undefined);
  }
}

async function pollOnce(
  { ingest, log, nudge, ensureRunning, onBacklog }: InboxPollOptions,
  signal: AbortSignal,
): Promise<void> {
  const found = await pollInbox(ingest, signal);
  if (found.added.length > 0) log.info({ uploads: found.added.length }, 'uploads found in the inbox');
  const { pending, committed, receipted } = await ingest.store.countUploads();
  onBacklog(pending + committed + receipted);
  if (found.systems.length > 0) await nudge(found.systems);
  const waiting = await ingest.store.unfinishedSystems(SYSTEMS_PER_POLL);
  const told = new Set(found.systems);
  await ensureRunning(waiting.filter((systemId) => !told.has(systemId)));
}
