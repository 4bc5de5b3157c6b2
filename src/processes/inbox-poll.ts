import { setTimeout as sleep } from 'node:timers/promises';
import type { UploadRef, Urgency } from '../contract/index.js';
import { AbsentManifests, pollInbox, type IngestContext, type Polled } from '../ingest/index.js';
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
  /** Told with every look, after what the inbox holds has been queued: with what of it has not. */
  onBacklog: (backlog: Backlog) => void | Promise<void>;
}

/**
 * Systems per look that are told of something new, and as many whose ingest is checked on: some seconds of requests, sixteen at once, of the half minute between two looks. A
 * backlog of more takes several looks to be started, of 10,000 systems five minutes.
 */
const SYSTEMS_PER_POLL = 1_000;

/**
 * How long a system's ingest is taken to run after it was told or checked on: by default until the second look after it. It ends by itself
 * with the queue, so a check is for a run that somebody terminated and for a word that was lost; each is a request to Temporal, which costs
 * half of what an ingest does.
 */
const RECHECK_MS = 55_000;

/** Uploads that one line of the log names: a backlog of thousands has its rows in the queue. */
const NAMED = 10;

/**
 * Of the interval, for queueing what a burst has left in the inbox. The rest is for starting its ingest, so that the next look, which takes
 * what has just come first, is not late.
 */
const QUEUEING = 0.5;

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
  const poll = new InboxPoll(options, signal);
  while (!signal.aborted) {
    // With a large backlog a look takes seconds, which are not to come on top of the interval for what is fresh.
    const next = performance.now() + options.intervalMs;
    await poll.once();
    const left = poll.isBehind ? 0 : next - performance.now();
    await sleep(Math.max(left, SHORTEST_PAUSE_MS), undefined, { signal }).catch(() => undefined);
  }
}

class InboxPoll {
  readonly #options: InboxPollOptions;
  readonly #signal: AbortSignal;
  readonly #turns: Turns;
  readonly #absent = new AbsentManifests();
  /** As of the last look that came to its end. */
  #left: Polled['left'] = { uploads: 0, oldest: null };

  constructor(options: InboxPollOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    this.#turns = new Turns(options.recheckMs ?? RECHECK_MS);
  }

  /** Whether the last look left something for the next. */
  get isBehind(): boolean {
    return this.#left.uploads > 0;
  }

  /** What is in the queue goes on also while the object store, or what lies in it, keeps new uploads from being found. */
  async once(): Promise<void> {
    const told = new Set<string>();
    await this.#attempt('polling the inbox', () => this.#look(told));
    await this.#tellBacklog();
    if (this.#signal.aborted) return;
    await this.#attempt('checking on the queue', () => this.#checkQueue(told));
  }

  #tellBacklog(): Promise<void> {
    return this.#attempt('counting what waits', async () => {
      const queued = await this.#options.ingest.store.backlog();
      await this.#options.onBacklog(together(queued, this.#left));
    });
  }

  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    await work().catch((error: unknown) => {
      if (!this.#signal.aborted)
        this.#options.log.warn({ err: error }, `${what} failed; the next poll tries again`);
    });
  }

  async #look(told: Set<string>): Promise<void> {
    const { ingest, intervalMs, log } = this.#options;
    let fault: { error: unknown } | undefined;
    const { added, left } = await pollInbox(ingest, {
      signal: this.#signal,
      until: performance.now() + intervalMs * QUEUEING,
      absent: this.#absent,
      onQueued: async (portion, newest) => {
        // Where the orchestrator is away the rest is queued all the same.
        if (fault === undefined)
          await this.#tell(portion, { newest, told }).catch((error: unknown) => (fault = { error }));
      },
    });
    this.#left = left;
    if (added.length > 0) {
      const first = added.slice(0, NAMED);
      log.info({ uploads: added.length, left: left.uploads, first }, 'uploads found in the inbox');
    }
    if (fault !== undefined) throw fault.error;
  }

  /** The rest of many is started with the looks that follow, each of which thus comes in time for what is fresh then. */
  async #tell(
    added: readonly UploadRef[],
    { newest, told }: { newest: boolean; told: Set<string> },
  ): Promise<void> {
    const { ingest, nudge } = this.#options;
    const systems = await firstInQueue(ingest, added, SYSTEMS_PER_POLL - told.size, this.#signal);
    if (systems.length === 0) return;
    await nudge(systems, newest ? 'found' : 'backlog');
    this.#turns.told(systems);
    for (const systemId of systems) told.add(systemId);
  }

  async #checkQueue(told: ReadonlySet<string>): Promise<void> {
    const { ingest, ensureRunning } = this.#options;
    const waiting = await ingest.store.unfinishedSystems(SYSTEMS_IN_TURN);
    const turn = this.#turns.next(
      waiting.filter((systemId) => !told.has(systemId)),
      SYSTEMS_PER_POLL,
    );
    await ensureRunning(turn);
    this.#turns.told(turn);
  }
}

/** What waits in the queue, and in the inbox for its place in the queue. */
function together(queued: Backlog, left: Polled['left']): Backlog {
  const times = [queued.oldest, left.oldest].filter((time) => time !== null);
  return {
    ...queued,
    uploads: queued.uploads + left.uploads,
    oldest: times.length === 0 ? null : Math.min(...times),
  };
}

/** The systems that have nothing before these: who ingests the others looks for more when it is through with what is before. */
async function firstInQueue(
  { store }: IngestContext,
  added: readonly UploadRef[],
  most: number,
  signal: AbortSignal,
): Promise<string[]> {
  const systems: string[] = [];
  for (const [systemId, uploadIds] of groupBySystem(added)) {
    if (systems.length >= most || signal.aborted) break;
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
