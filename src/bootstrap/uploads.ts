import { isAkoshaError, messageOf, type IngestSummary } from '../contract/index.js';
import { ingestUpload, type IngestContext } from '../ingest/index.js';
import { allEnded } from '../runtime/index.js';
import { Backoff, type Shift } from './shift.js';
import type { WorkLog } from './work-log.js';

export interface UploadWork {
  ingest: IngestContext;
  /** Systems at once, as many as the workers take. */
  concurrency: number;
  /** Told of each that is through, for the metrics. */
  onIngested: (outcome: IngestSummary, ms: number) => void;
  work: WorkLog;
}

/** A look is an indexed question to the catalog; new uploads come with the inbox's poll, which rings. */
const LOOK_MS = 1_000;

/** Some hundred kilobytes of ids; beyond it the latest wait until one of these is through. */
const SYSTEMS_IN_LINE = 10_000;

/**
 * Ingests what is pending: of one system one upload at a time, in order, and systems in turns. After its turn a system goes to the end
 * of the line, so a backlog delays nobody's fresh upload; one that fails waits apart, longer each time.
 */
export async function ingestInTurns(options: UploadWork, shift: Shift): Promise<void> {
  const line = new Line(options.ingest);
  const takeTurns = async (): Promise<void> => {
    while (!shift.over) {
      const systemId = shift.taking ? await nextInLine(options, line) : undefined;
      if (systemId === undefined) await shift.rest(LOOK_MS);
      else await takeTurn(options, line, systemId, shift);
    }
  };
  await allEnded(Array.from({ length: options.concurrency }, takeTurns));
}

/** A catalog that does not answer once is asked again: who stopped here would be missing for the rest of the outage. */
async function nextInLine({ work }: UploadWork, line: Line): Promise<string | undefined> {
  const started = performance.now();
  try {
    return await line.next();
  } catch (error) {
    work.failed(`the queue: ${messageOf(error)}`, performance.now() - started);
    return undefined;
  }
}

async function takeTurn(options: UploadWork, line: Line, systemId: string, shift: Shift): Promise<void> {
  const { ingest, onIngested, work } = options;
  const started = performance.now();
  let uploadId: string | undefined;
  try {
    const upload = await ingest.store.nextUpload(systemId);
    // It may have been told to stop during the look.
    if (upload === undefined || shift.over) return line.leave(systemId);
    ({ uploadId } = upload);
    const outcome = await ingestUpload(ingest, { systemId, uploadId }, { signal: shift.signal });
    const ms = performance.now() - started;
    onIngested(outcome, ms);
    line.after(systemId);
    work.ingested({ systemId, uploadId }, outcome, ms);
  } catch (error) {
    if (shift.signal.aborted) return line.leave(systemId);
    line.afterFailure(systemId);
    // It was taken over: its operation was closed by an attempt of a workflow's that is still under way.
    if (isAkoshaError(error, 'OperationClosed')) return;
    const of = uploadId === undefined ? `queue of ${systemId}` : `upload ${uploadId} of ${systemId}`;
    work.failed(`${of}: ${messageOf(error)}`, performance.now() - started);
  }
}

/** The systems that have something pending, each at most once in line or at its turn. */
class Line {
  readonly #ingest: IngestContext;
  #waiting: string[] = [];
  readonly #busy = new Set<string>();
  readonly #backoffs = new Map<string, Backoff>();
  #looking: Promise<void> | undefined;
  #lookedAt = -Infinity;

  constructor(ingest: IngestContext) {
    this.#ingest = ingest;
  }

  /** The next one, whose turn begins; undefined where nobody waits, or all are to wait longer. */
  async next(): Promise<string | undefined> {
    // Also while some wait: a newcomer's turn comes after those in line, not after all of their backlogs.
    if (performance.now() - this.#lookedAt >= LOOK_MS) await this.#look();
    const now = performance.now();
    const place = this.#waiting.findIndex((id) => (this.#backoffs.get(id)?.left(now) ?? 0) === 0);
    if (place === -1) return undefined;
    const [systemId] = this.#waiting.splice(place, 1);
    if (systemId !== undefined) this.#busy.add(systemId);
    return systemId;
  }

  after(systemId: string): void {
    this.#backoffs.delete(systemId);
    this.#toTheEnd(systemId);
  }

  afterFailure(systemId: string): void {
    const backoff = this.#backoffs.get(systemId) ?? new Backoff();
    this.#backoffs.set(systemId, backoff);
    backoff.failed(performance.now());
    this.#toTheEnd(systemId);
  }

  /** It has nothing pending: a later look brings it back. */
  leave(systemId: string): void {
    this.#busy.delete(systemId);
    this.#backoffs.delete(systemId);
  }

  #toTheEnd(systemId: string): void {
    this.#busy.delete(systemId);
    this.#waiting.push(systemId);
  }

  /** Several turns that end at once look once. */
  #look(): Promise<void> {
    this.#looking ??= this.#join().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #join(): Promise<void> {
    this.#lookedAt = performance.now();
    const pending = await this.#ingest.store.unfinishedSystems(SYSTEMS_IN_LINE);
    const known = new Set(this.#waiting);
    for (const id of pending) if (!known.has(id) && !this.#busy.has(id)) this.#waiting.push(id);
  }
}
