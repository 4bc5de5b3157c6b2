import { setTimeout as sleep } from 'node:timers/promises';
import type { UploadRef, Urgency } from '../contract/index.js';
import { pollInbox, type IngestContext } from '../ingest/index.js';
import type { Backlog } from '../store/index.js';
import type { Logger } from '../telemetry/index.js';

export interface InboxPollOptions {
  ingest: IngestContext;
  /** From the beginning of a look to that of the next. */
  intervalMs: number;
  log: Logger;
  /** Systems with new rows in the queue: their ingest is told. */
  nudge: (systemIds: string[], urgency: Urgency) => Promise<void>;
  /** Systems with rows in the queue: their ingest is started where none runs. */
  ensureRunning: (systemIds: string[]) => Promise<void>;
  /** Default 55 s. */
  recheckMs?: number;
  /** Told with every look, after what the inbox holds has been queued. */
  onBacklog: (backlog: Backlog) => void | Promise<void>;
}

/**
 * Systems per look that are told of something new, and as many whose ingest is checked on: some seconds of requests, sixteen at once, of the half minute between two looks. A
 * backlog of more takes several looks to be started, of 10,000 systems five minutes.
 */
const SYSTEMS_PER_POLL = 1_000;

/**
 * Systems that one look finds at most for their uploads to count as fresh: some seconds of ingest, and a few uploads a second as a rule. More
 * at once have come to wait somewhere, and among them nobody is in a hurry.
 */
const FRESH_AT_ONCE = 100;

/**
 * How long a system's ingest is taken to run after it was told or checked on: by default until the second look after it. It ends by itself
 * with the queue, so a check is for a run that somebody terminated and for a word that was lost; each is a request to Temporal, which costs
 * half of what an ingest does.
 */
const RECHECK_MS = 55_000;

/** Uploads that one line of the log names: a backlog of thousands has its rows in the queue. */
const NAMED = 10;

/** A look that takes longer than the interval leaves the store some peace all the same. */
const SHORTEST_PAUSE_MS = 100;

/**
 * Systems that take turns. The queue gives the longest waiting first, and with as many stuck ones as a look checks on, it would give the
 * same ones for ever. Some hundred kilobytes of ids; beyond it the latest wait until one of these is through.
 */
const SYSTEMS_IN_TURN = 10_000;

/**
 * Looks at the inbox again and again until the signal fires. A plain loop, so that it goes on while Temporal is away: what it
 * finds is in the queue then, and the nudge follows with a later look.
 */
export async function runInboxPoll(options: InboxPollOptions, signal: AbortSignal): Promise<void> {
  const turns = new Turns(options.recheckMs ?? RECHECK_MS);
  while (!signal.aborted) {
    // With a large backlog a look takes seconds, which are not to come on top of the interval for what is fresh.
    const next = performance.now() + options.intervalMs;
    await pollOnce(options, turns, signal);
    const left = Math.max(next - performance.now(), SHORTEST_PAUSE_MS);
    await sleep(left, undefined, { signal }).catch(() => undefined);
  }
}

/** What is in the queue goes on also while the object store, or what lies in it, keeps new uploads from being found. */
async function pollOnce(options: InboxPollOptions, turns: Turns, signal: AbortSignal): Promise<void> {
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    await work().catch((error: unknown) => {
      if (!signal.aborted) options.log.warn({ err: error }, `${what} failed; the next poll tries again`);
    });
  };
  let told: string[] = [];
  await attempt('polling the inbox', async () => {
    const { added, systems } = await pollInbox(options.ingest, signal);
    if (added.length > 0) {
      const first = added.slice(0, NAMED);
      options.log.info({ uploads: added.length, first }, 'uploads found in the inbox');
    }
    // The rest of many is started with the looks that follow, each of which thus comes in time for what is fresh then.
    told = await firstInQueue(options.ingest, added, signal);
    if (told.length === 0) return;
    await options.nudge(told, systems.length > FRESH_AT_ONCE ? 'backlog' : 'found');
    turns.told(told);
  });
  if (signal.aborted) return;
  await attempt('checking on the queue', () => checkQueue(options, turns, told));
}

/** The systems that have nothing before these: who ingests the others looks for more when it is through with what is before. */
async function firstInQueue(
  { store }: IngestContext,
  added: readonly UploadRef[],
  signal: AbortSignal,
): Promise<string[]> {
  const systems: string[] = [];
  for (const [systemId, uploadIds] of groupBySystem(added)) {
    if (systems.length === SYSTEMS_PER_POLL || signal.aborted) break;
    const next = await store.nextUpload(systemId);
    if (next !== undefined && uploadIds.has(next.uploadId)) systems.push(systemId);
  }
  return systems;
}

function groupBySystem(refs: readonly UploadRef[]): Map<string, Set<string>> {
  const groups = new Map<string, Set<string>>();
  for (const { systemId, uploadId } of refs) {
    groups.set(systemId, (groups.get(systemId) ?? new Set()).add(uploadId));
  }
  return groups;
}

async function checkQueue(
  { ingest: { store }, ensureRunning, onBacklog }: InboxPollOptions,
  turns: Turns,
  told: readonly string[],
): Promise<void> {
  await onBacklog(await store.backlog());
  const waiting = new Set(await store.unfinishedSystems(SYSTEMS_IN_TURN));
  for (const systemId of told) waiting.delete(systemId);
  const turn = turns.next([...waiting], SYSTEMS_PER_POLL);
  await ensureRunning(turn);
  turns.told(turn);
}

/** Gives everyone who waits a turn before anyone has a second, whoever comes and goes in between; and nobody a second too soon. */
class Turns {
  readonly #recheckMs: number;
  #last = '';
  /** When each was last told or checked on. */
  #seen = new Map<string, number>();

  constructor(recheckMs: number) {
    this.#recheckMs = recheckMs;
  }

  told(systemIds: readonly string[]): void {
    for (const systemId of systemIds) this.#seen.set(systemId, performance.now());
  }

  next(waiting: readonly string[], count: number): string[] {
    const recently = performance.now() - this.#recheckMs;
    this.#seen = new Map([...this.#seen].filter(([, at]) => at > recently));
    const ids = waiting.filter((systemId) => !this.#seen.has(systemId)).toSorted();
    const first = ids.findIndex((id) => id > this.#last);
    const start = Math.max(first, 0);
    const turn = [...ids.slice(start), ...ids.slice(0, start)].slice(0, count);
    this.#last = turn.at(-1) ?? this.#last;
    return turn;
  }
}
