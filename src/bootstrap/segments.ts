import { createReadStream } from 'node:fs';
import { appendFile, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { makeFolderDurably } from '../runtime/index.js';

export interface SegmentLimits {
  /** Of all segments together; the oldest go first. */
  bytes: number;
  /** A segment begun so long ago goes too; absent: however old. Milliseconds. */
  ageMs?: number;
  /** At which size, and at which age, a new segment is begun. */
  segmentBytes: number;
  segmentMs: number;
}

interface Segment {
  /** Its name is the time when it was begun, milliseconds since 1970, and the place among those of one time. */
  name: string;
  begunAt: number;
  bytes: number;
}

/**
 * Lines of JSON, only ever appended, in files that are dropped whole when there is too much of them. A line that a crash or a full
 * disk tore is passed over by the reader; what comes after it goes to a new file, so that a torn line never swallows the next.
 */
export class SegmentedLines {
  readonly #folder: string;
  readonly #limits: SegmentLimits;
  readonly #segments: Segment[];
  #current: Segment | undefined;

  private constructor(folder: string, limits: SegmentLimits, segments: Segment[]) {
    this.#folder = folder;
    this.#limits = limits;
    this.#segments = segments;
  }

  static async open(folder: string, limits: SegmentLimits): Promise<SegmentedLines> {
    const segments: Segment[] = [];
    for (const name of await segmentNames(folder)) {
      const { size } = await stat(path.join(folder, name));
      segments.push({ name, begunAt: Number.parseInt(name, 10), bytes: size });
    }
    return new SegmentedLines(folder, limits, segments);
  }

  /** `now` in milliseconds since 1970. Raises where the disk refuses it. */
  async append(value: object, now: number): Promise<void> {
    const { segmentBytes, segmentMs } = this.#limits;
    let current = this.#current;
    if (current === undefined || current.bytes >= segmentBytes || now - current.begunAt >= segmentMs) {
      current = await this.#begin(now);
    }
    const text = `${JSON.stringify(value)}\n`;
    try {
      await appendFile(path.join(this.#folder, current.name), text, { mode: 0o600 });
    } catch (error) {
      await this.#leave(current);
      throw error;
    }
    current.bytes += Buffer.byteLength(text);
    await this.#dropOldest(now);
  }

  /** A part of a line may stand at its end. Without a whole line it goes, so that a disk full for hours is not filled with names. */
  async #leave(segment: Segment): Promise<void> {
    this.#current = undefined;
    if (segment.bytes > 0) return;
    this.#segments.splice(this.#segments.indexOf(segment), 1);
    await rm(path.join(this.#folder, segment.name), { force: true });
  }

  async #begin(now: number): Promise<Segment> {
    // Not with `open`: an outage on a full disk is to begin all the same.
    await makeFolderDurably(this.#folder);
    const place = String(this.#segments.length).padStart(6, '0');
    const current = { name: `${String(now).padStart(15, '0')}-${place}.jsonl`, begunAt: now, bytes: 0 };
    this.#segments.push(current);
    this.#current = current;
    return current;
  }

  async #dropOldest(now: number): Promise<void> {
    const { bytes: most, ageMs = Infinity } = this.#limits;
    let total = this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
    for (;;) {
      const oldest = this.#segments[0];
      if (oldest === undefined || oldest === this.#current) return;
      if (total <= most && now - oldest.begunAt <= ageMs) return;
      await rm(path.join(this.#folder, oldest.name), { force: true });
      this.#segments.shift();
      total -= oldest.bytes;
    }
  }
}

/** Every whole line of a folder's segments, oldest first; what is no JSON is passed over. A folder that is missing has none. */
export async function* readSegments(folder: string): AsyncGenerator<unknown> {
  for (const name of await segmentNames(folder)) {
    const lines = createInterface({ input: createReadStream(path.join(folder, name)), crlfDelay: Infinity });
    for await (const line of lines) {
      const value = parseLine(line);
      if (value !== undefined) yield value;
    }
  }
}

async function segmentNames(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => /^\d+-\d+\.jsonl$/.test(name)).sort();
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
