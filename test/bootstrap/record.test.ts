import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NO_ROWS, SCHEDULE_IDS } from '../../src/contract/index.js';
import { OutageFiles, type OutageFile } from '../../src/bootstrap/record.js';
import { readReport } from '../../src/bootstrap/report.js';
import { RunMarks } from '../../src/bootstrap/run-marks.js';
import { readSegments, SegmentedLines } from '../../src/bootstrap/segments.js';
import type { OutageState } from '../../src/bootstrap/state.js';

const START = Date.parse('2026-11-22T12:00:00Z');
const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };
const UPLOAD = { systemId: 'laptop', uploadId: 'upload' };
const INGESTED = { status: 'ingested', rows: { ...NO_ROWS, new: 3 }, reason: null } as const;

let folder: string;
let now: number;
let files: OutageFiles;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'akosha-outage-'));
  now = START;
  files = new OutageFiles(folder, { now: () => now, log: QUIET });
});
afterEach(() => rm(folder, { recursive: true }));

const isOver = ({ end, replayed }: OutageState): boolean => end !== null && replayed;

/** As a process after this one finds it. */
async function reopened(): Promise<OutageFile> {
  const [file] = await new OutageFiles(folder, { now: () => now, log: QUIET }).unsettled(isOver);
  return file ?? expect.fail('there is no open record');
}

async function lines(path: string): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const line of readSegments(path)) found.push(line);
  return found;
}

describe('the record of an outage', () => {
  it('tells begin, end, and what was done with its times', async () => {
    const file = await files.begin(START - 10_000);
    now += 1_000;
    file.work.ingested(UPLOAD, INGESTED, 120.4);
    now += 1_000;
    file.work.walked({ seen: 5, added: 1 }, 10);
    file.work.transitioned({ toWarm: 2, toCold: 1, swept: 4, finished: true, paused: false }, 30);
    file.work.failed('upload x of laptop: the object store does not answer', 5);
    await file.sample({ akosha_ingestion_backlog_count: 4, process_cpu_seconds_total: 1 });
    await file.change({ end: new Date(now).toISOString() });
    expect(await readReport(folder, '2026-11-22T11:59:50.000Z')).toEqual({
      start: '2026-11-22T11:59:50.000Z',
      detected: '2026-11-22T12:00:00.000Z',
      end: '2026-11-22T12:00:02.000Z',
      totals: {
        ...{ ingested: 1, quarantined: 0, newRows: 3, changedRows: 0, walks: 1, found: 1 },
        ...{ transitions: 1, toWarm: 2, toCold: 1, failures: 1 },
      },
      steps: [
        {
          at: '2026-11-22T12:00:01.000Z',
          ms: 120,
          what: 'ingest',
          text: 'upload upload of laptop ingested: new 3, changed 0, unchanged 0',
        },
        expect.objectContaining({ at: '2026-11-22T12:00:02.000Z', what: 'walk' }),
        expect.objectContaining({ what: 'transition', text: 'rows to warm 2, to cold 1; swept 4' }),
        expect.objectContaining({ what: 'failure' }),
      ],
      omitted: 0,
      samples: [{ at: '2026-11-22T12:00:02.000Z', values: { akosha_ingestion_backlog_count: 4 } }],
    });
  });

  it('goes on where a process died, a torn last line and all', async () => {
    const file = await files.begin(START);
    file.work.ingested(UPLOAD, INGESTED, 1);
    await file.flushed();
    const steps = join(file.folder, 'steps');
    const [segment = ''] = await readdir(steps);
    await appendFile(join(steps, segment), '{"at":"2026-11-22T12:00:01.000Z","ms":1,"wh');

    const next = await reopened();
    expect(next.work.totals.ingested).toBe(1);
    next.work.restarted();
    next.work.ingested(UPLOAD, INGESTED, 1);
    await next.change({ end: new Date(now).toISOString() });
    const report = await readReport(folder, new Date(START).toISOString());
    expect(report.steps.map(({ what }) => what)).toEqual(['ingest', 'restart', 'ingest']);
    expect(report.totals).toMatchObject({ ingested: 2, newRows: 6 });
  });

  it('is bounded where it goes to Temporal, and counts what it leaves out', async () => {
    const file = await files.begin(START);
    for (let n = 0; n < 1_000; n += 1) {
      now += 100;
      file.work.failed(`${n}: ${'x'.repeat(1_000)}`, 1);
      if (n % 10 === 0) await file.sample({ akosha_ingestion_backlog_count: n });
    }
    await file.change({ end: new Date(now).toISOString() });
    const report = await readReport(folder, file.state.start);
    expect(report.steps).toHaveLength(300);
    expect([report.steps[0]?.text.slice(0, 3), report.steps.at(-1)?.text.slice(0, 3)]).toEqual([
      '0: ',
      '999',
    ]);
    expect(report.omitted).toBe(700);
    expect(report.totals.failures).toBe(1_000);
    expect(report.samples.length).toBeLessThanOrEqual(60);
    expect(report.samples.at(-1)?.values['akosha_ingestion_backlog_count']).toBeGreaterThan(950);
    // Temporal takes 2 MB.
    expect(JSON.stringify(report).length).toBeLessThan(300_000);
  });

  it('is nothing that can be told before the outage is over', async () => {
    const file = await files.begin(START);
    await expect(readReport(folder, file.state.start)).rejects.toMatchObject({ type: 'BadRequest' });
    await expect(readReport(folder, '2020-01-01T00:00:00.000Z')).rejects.toMatchObject({
      type: 'BadRequest',
    });
  });

  it('goes when ten later ones are settled, its samples as soon as it is itself', async () => {
    for (let n = 0; n < 12; n += 1) {
      const file = await files.begin(START + n);
      await file.sample({ a: 1 });
      await file.change({ end: new Date(now).toISOString(), replayed: n !== 0 });
    }
    await files.prune(isOver);
    const left = (await readdir(folder)).sort();
    // The first is not settled, and stays with its samples; of eleven that are, ten stay.
    expect(left).toHaveLength(11);
    expect(await readdir(join(folder, left[0] ?? ''))).toContain('samples');
    expect(await readdir(join(folder, left[1] ?? ''))).not.toContain('samples');
  });

  it('passes over a folder that died before it told anything', async () => {
    const file = await files.begin(START);
    await writeFile(join(file.folder, 'state.json'), '{"version":1,');
    expect(await files.unsettled(isOver)).toEqual([]);
  });

  it('goes on without what cannot be written', async () => {
    const warned: string[] = [];
    const log = { ...QUIET, warn: (_details: object, message: string) => void warned.push(message) };
    const file = await new OutageFiles(folder, { now: () => now, log }).begin(START);
    await writeFile(join(file.folder, 'steps'), '');
    file.work.ingested(UPLOAD, INGESTED, 1);
    await file.flushed();
    expect(warned).toEqual(['the record of the outage could not be written']);
    expect(file.work.totals.ingested).toBe(1);
  });
});

describe('a disk that refuses', () => {
  it('keeps no outage from beginning, changing and ending; the next write that it takes brings all', async () => {
    // A double of the fault: a file where the folder of the records is to be.
    const outages = join(folder, 'outages');
    await writeFile(outages, '');
    const file = await new OutageFiles(outages, { now: () => now, log: QUIET }).begin(START);
    await file.note({ end: new Date(START + 1).toISOString() });
    await expect(file.save()).rejects.toThrow();
    await rm(outages);
    file.work.ingested(UPLOAD, INGESTED, 1);
    await file.flushed();
    expect(await readReport(outages, file.state.start)).toMatchObject({
      end: new Date(START + 1).toISOString(),
      totals: { ingested: 1 },
    });
  });

  it('does not make finished work fail: its mark holds in memory', async () => {
    const refusing = join(folder, 'outages');
    await writeFile(refusing, '');
    const marks = await RunMarks.open(refusing, QUIET);
    expect(marks.isDue(SCHEDULE_IDS.dailyIngest, now)).toBe(true);
    await marks.mark(SCHEDULE_IDS.dailyIngest, now);
    expect(marks.isDue(SCHEDULE_IDS.dailyIngest, now)).toBe(false);
    // A pause as well, and the next time that Temporal tells the same it is written.
    await marks.setPaused([SCHEDULE_IDS.tierTransition], [SCHEDULE_IDS.tierTransition]);
    await rm(refusing);
    await marks.setPaused([SCHEDULE_IDS.tierTransition], [SCHEDULE_IDS.tierTransition]);
    const next = await RunMarks.open(refusing, QUIET);
    expect(next.isDue(SCHEDULE_IDS.tierTransition, now)).toBe(false);
  });

  it('keep a pause of which Temporal, come back without its schedules, knows nothing', async () => {
    const place = join(folder, 'kept');
    const { tierTransition, dailyIngest } = SCHEDULE_IDS;
    const marks = await RunMarks.open(place, QUIET);
    await marks.setPaused([tierTransition], [dailyIngest, tierTransition]);
    await marks.setPaused([], []);
    await marks.setPaused([], [dailyIngest]);
    expect((await RunMarks.open(place, QUIET)).paused).toEqual([tierTransition]);
    await marks.setPaused([], [dailyIngest, tierTransition]);
    expect((await RunMarks.open(place, QUIET)).paused).toEqual([]);
  });
});

describe('segmented lines', () => {
  const LIMITS = { bytes: 1_000, segmentBytes: 100, segmentMs: 300_000 };

  it('go on in a new file after a line that the disk tore', async () => {
    const path = join(folder, 'lines');
    const subject = await SegmentedLines.open(path, LIMITS);
    await subject.append({ n: 1 }, START);
    const [first = ''] = await readdir(path);
    // Doubles of the fault: a part of a line, and a file that takes no more for a while.
    await appendFile(join(path, first), '{"n":');
    await rename(join(path, first), join(path, 'kept'));
    await mkdir(join(path, first));
    await expect(subject.append({ n: 2 }, START)).rejects.toThrow();
    await rmdir(join(path, first));
    await rename(join(path, 'kept'), join(path, first));
    await subject.append({ n: 3 }, START);
    expect(await lines(path)).toEqual([{ n: 1 }, { n: 3 }]);
  });

  it('drop the oldest where there are too many', async () => {
    const path = join(folder, 'lines');
    const subject = await SegmentedLines.open(path, LIMITS);
    for (let n = 0; n < 500; n += 1) await subject.append({ n }, START + n);
    const kept = await lines(path);
    expect(kept.at(-1)).toEqual({ n: 499 });
    expect(kept.length).toBeLessThan(110);
    const sizes = await Promise.all(
      (await readdir(path)).map(async (name) => (await stat(join(path, name))).size),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(
      LIMITS.bytes + LIMITS.segmentBytes,
    );
  });

  it('drop what is too old', async () => {
    const path = join(folder, 'lines');
    const subject = await SegmentedLines.open(path, { ...LIMITS, ageMs: 3_600_000 });
    for (let minute = 0; minute < 180; minute += 1) await subject.append({ minute }, START + minute * 60_000);
    const kept = (await lines(path)) as { minute: number }[];
    expect(kept[0]?.minute).toBeGreaterThanOrEqual(115);
    expect(kept[0]?.minute).toBeLessThanOrEqual(120);
    expect(kept.at(-1)?.minute).toBe(179);
  });

  it('count what an earlier process left', async () => {
    const path = join(folder, 'lines');
    const first = await SegmentedLines.open(path, LIMITS);
    for (let n = 0; n < 90; n += 1) await first.append({ n }, START + n);
    const second = await SegmentedLines.open(path, LIMITS);
    for (let n = 90; n < 180; n += 1) await second.append({ n }, START + n);
    expect((await lines(path)).length).toBeLessThan(110);
    const [oldest = ''] = (await readdir(path)).sort();
    expect(await readFile(join(path, oldest), 'utf8')).not.toContain('{"n":0}');
  });
});
