import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { messageOf } from '../contract/index.js';
import { makeFolderDurably, writeFileDurably } from '../runtime/index.js';
import { lastDue, SCHEDULES, type ScheduleId } from '../schedules/index.js';
import type { BootstrapLog } from './log.js';

const Marks = z.record(z.string(), z.number());

/**
 * When each schedule's work was last begun and brought to its end, by a workflow or by the runner, kept on disk: so that a server which
 * comes up with Temporal away knows what it missed.
 */
export class RunMarks {
  readonly #file: string;
  readonly #log: BootstrapLog;
  #marks: Record<string, number>;

  private constructor(file: string, marks: Record<string, number>, log: BootstrapLog) {
    this.#file = file;
    this.#log = log;
    this.#marks = marks;
  }

  /** A file that cannot be read marks nothing: then the work is done once more, which does no harm. */
  static async open(folder: string, log: BootstrapLog): Promise<RunMarks> {
    const file = path.join(folder, 'runs.json');
    const text = await readFile(file, 'utf8').catch(() => '{}');
    const parsed = Marks.safeParse(parseJson(text));
    return new RunMarks(file, parsed.success ? parsed.data : {}, log);
  }

  /** Whether it fell due since it was last begun. `now` in milliseconds since 1970. */
  isDue(scheduleId: ScheduleId, now: number): boolean {
    const definition = SCHEDULES.find((known) => known.scheduleId === scheduleId);
    if (definition === undefined) throw new Error(`no schedule ${scheduleId}`);
    return (this.#marks[scheduleId] ?? -Infinity) < lastDue(definition.spec, now);
  }

  /**
   * Durable when it returns. A disk that refuses it is logged and no more: the work is done, and a failure here would have it done again
   * without end. The mark holds in memory, and the next one brings it to disk.
   */
  async mark(scheduleId: ScheduleId, begunAt: number): Promise<void> {
    this.#marks = { ...this.#marks, [scheduleId]: begunAt };
    try {
      await makeFolderDurably(path.dirname(this.#file));
      await writeFileDurably(this.#file, `${JSON.stringify(this.#marks)}\n`);
    } catch (error) {
      this.#log.warn(
        { scheduleId, reason: messageOf(error) },
        'the end of a run could not be marked on disk',
      );
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
