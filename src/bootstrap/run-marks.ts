import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { messageOf } from '../contract/index.js';
import { makeFolderDurably, writeFileDurably } from '../runtime/index.js';
import { lastDue, SCHEDULES, type ScheduleId } from '../schedules/index.js';
import type { BootstrapLog } from './log.js';

const MARKS_FILE = 'runs.json';
const PAUSED_FILE = 'paused.json';
const Marks = z.record(z.string(), z.number());
const Paused = z.array(z.string());

/**
 * When each schedule's work was last begun and brought to its end, by a workflow or by the runner, kept on disk: so that a server which
 * comes up with Temporal away knows what it missed. Beside them which schedules an operator has paused, as Temporal last said.
 */
export class RunMarks {
  readonly #folder: string;
  readonly #log: BootstrapLog;
  #marks: Record<string, number>;
  #paused: readonly string[];
  /** False after a write that the disk refused: then what is known is to be written all the same. */
  #pausedOnDisk = true;

  private constructor(folder: string, log: BootstrapLog, known: { marks: unknown; paused: unknown }) {
    this.#folder = folder;
    this.#log = log;
    this.#marks = Marks.catch({}).parse(known.marks);
    this.#paused = Paused.catch([]).parse(known.paused);
  }

  /** A file that cannot be read says nothing: then the work is done once more, which does no harm, or although it was paused. */
  static async open(folder: string, log: BootstrapLog): Promise<RunMarks> {
    const read = (name: string): Promise<unknown> =>
      readFile(path.join(folder, name), 'utf8').then(parseJson, () => undefined);
    return new RunMarks(folder, log, { marks: await read(MARKS_FILE), paused: await read(PAUSED_FILE) });
  }

  /** Whether it fell due since it was last begun, and nobody paused it. `now` in milliseconds since 1970. */
  isDue(scheduleId: ScheduleId, now: number): boolean {
    if (this.#paused.includes(scheduleId)) return false;
    return this.#markOf(scheduleId) < dueBefore(scheduleId, now);
  }

  /** Whether work that was begun then and not ended is of a run whose place another has taken: one that ended, or one that fell due. */
  isOutdated(scheduleId: ScheduleId, begunAt: number, now: number): boolean {
    return begunAt < Math.max(this.#markOf(scheduleId), dueBefore(scheduleId, now));
  }

  /**
   * Durable when it returns. A disk that refuses it is logged and no more: the work is done, and a failure here would have it done again
   * without end. The mark holds in memory, and the next one brings it to disk. A run that ends after one that was begun later moves nothing.
   */
  async mark(scheduleId: ScheduleId, begunAt: number): Promise<void> {
    this.#marks = { ...this.#marks, [scheduleId]: Math.max(begunAt, this.#markOf(scheduleId)) };
    await this.#write(MARKS_FILE, this.#marks, 'the end of a run could not be marked on disk');
  }

  /** Those that were paused when Temporal last told of them. */
  get paused(): readonly string[] {
    return this.#paused;
  }

  /**
   * What Temporal says: of those that it has, `seen`, these are paused and no others. One that it has not, because it came back without its
   * schedules, stays what it was. Durable as a mark is; nothing is written where it is on disk.
   */
  async setPaused(scheduleIds: readonly string[], seen: readonly string[]): Promise<void> {
    const lost = this.#paused.filter((id) => !seen.includes(id));
    const paused = [...scheduleIds, ...lost].toSorted();
    if (this.#pausedOnDisk && JSON.stringify(paused) === JSON.stringify(this.#paused)) return;
    this.#paused = paused;
    this.#pausedOnDisk = await this.#write(
      PAUSED_FILE,
      paused,
      'the pause of a schedule could not be kept on disk',
    );
  }

  #markOf(scheduleId: ScheduleId): number {
    return this.#marks[scheduleId] ?? -Infinity;
  }

  /** False where the disk refused it. */
  async #write(name: string, value: unknown, complaint: string): Promise<boolean> {
    try {
      await makeFolderDurably(this.#folder);
      await writeFileDurably(path.join(this.#folder, name), `${JSON.stringify(value)}\n`);
      return true;
    } catch (error) {
      this.#log.warn({ reason: messageOf(error) }, complaint);
      return false;
    }
  }
}

function dueBefore(scheduleId: ScheduleId, now: number): number {
  const definition = SCHEDULES.find((known) => known.scheduleId === scheduleId);
  if (definition === undefined) throw new Error(`no schedule ${scheduleId}`);
  return lastDue(definition.spec, now);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
