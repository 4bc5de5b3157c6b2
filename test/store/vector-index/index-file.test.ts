import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { readIndexFile, writeIndexFile } from '../../../src/store/embedded/vector-index/index-file.js';
import { clustered, indexOf, random } from './support.js';

const WHOSE = { model: 'm1', epoch: 3 };
const vectors = clustered(60, random(1));

let file = '';

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'akosha-index-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  file = join(folder, 'm1.vectors');
});

describe('the file of a vector index', () => {
  it('has all that the index had', async () => {
    const written = indexOf(vectors);
    written.rows.remove(7);
    written.graph.remove(6);
    written.waiting.add(8);
    written.graph.remove(8);
    while (!written.graph.scrub(100));
    await writeIndexFile(file, { ...WHOSE, seq: 41 }, written);
    const read = await readIndexFile(file, WHOSE);
    expect(read?.seq).toBe(41);
    expect(read?.rows.columns).toEqual(trimmed(written.rows.columns, 60));
    expect(read?.rows.names).toEqual(written.rows.names);
    expect([...(read?.waiting ?? [])]).toEqual([8]);
    expect(read?.graph.size).toBe(58);
    const [first = new Float32Array(384)] = vectors;
    expect(read?.graph.search(first, 1)).toEqual([0]);
    expect(read?.rows.matrix.row(59)).toEqual(written.rows.matrix.row(59));
  });

  it('is read as often as one likes where most of it was removed', async () => {
    const many = clustered(447, random(2));
    const written = indexOf(many);
    for (let slot = 0; slot < 347; slot++) {
      written.rows.remove(slot + 1);
      written.graph.remove(slot);
    }
    await expect(writeIndexFile(file, { ...WHOSE, seq: 1 }, written)).rejects.toThrow(/347 free nodes/);
    while (!written.graph.scrub(100));
    await writeIndexFile(file, { ...WHOSE, seq: 1 }, written);
    for (let time = 0; time < 10; time++) expect((await readIndexFile(file, WHOSE))?.graph.size).toBe(100);
  });

  it('is none where it is missing, another model’s, another catalog’s, cut off or changed anywhere', async () => {
    expect(await readIndexFile(file, WHOSE)).toBeUndefined();
    await writeIndexFile(file, { ...WHOSE, seq: 1 }, indexOf(vectors));
    expect(await readIndexFile(file, { ...WHOSE, model: 'm2' })).toBeUndefined();
    expect(await readIndexFile(file, { ...WHOSE, epoch: 4 })).toBeUndefined();
    const whole = await readFile(file);
    for (const at of [0, 100, 4096, 50_000, whole.length - 65, whole.length - 60, whole.length - 1]) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await writeFile(file, changed);
      expect(await readIndexFile(file, WHOSE), `a bit at ${at}`).toBeUndefined();
    }
    await writeFile(file, whole);
    for (let size = Math.floor(whole.length / 4096) * 4096; size >= 0; size -= 4096) {
      await truncate(file, size);
      expect(await readIndexFile(file, WHOSE), `${size} bytes`).toBeUndefined();
    }
    await writeFile(file, 'a text that somebody left here');
    expect(await readIndexFile(file, WHOSE)).toBeUndefined();
    await writeFile(file, whole);
    expect((await readIndexFile(file, WHOSE))?.rows.count).toBe(60);
  });

  it('is whole also where each write takes only a part of what it is given', async () => {
    const handle = await open(file, 'w');
    const prototype = Object.getPrototypeOf(handle) as { write: (...args: unknown[]) => unknown };
    await handle.close();
    const { write } = prototype;
    // A double of a disk that is nearly full.
    const short = vi.spyOn(prototype, 'write').mockImplementation(function (this: unknown, ...args) {
      const [bytes, offset, length, position] = args;
      return Reflect.apply(write, this, [bytes, offset, Math.ceil(Number(length) / 2), position]);
    });
    await writeIndexFile(file, { ...WHOSE, seq: 1 }, indexOf(vectors)).finally(() => short.mockRestore());
    expect((await readIndexFile(file, WHOSE))?.rows.count).toBe(60);
  });

  it('has nothing of what was removed, once the graph is scrubbed', async () => {
    const content = indexOf(vectors);
    const node = nodeBytes(content.rows.matrix.row(20));
    const row = Buffer.from(Int16Array.from(content.rows.matrix.row(20)).buffer);
    await writeIndexFile(file, { ...WHOSE, seq: 1 }, content);
    expect([(await readFile(file)).includes(node), (await readFile(file)).includes(row)]).toEqual([
      true,
      true,
    ]);
    content.rows.remove(21);
    content.graph.remove(20);
    while (!content.graph.scrub(16));
    await writeIndexFile(file, { ...WHOSE, seq: 2 }, content);
    expect([(await readFile(file)).includes(node), (await readFile(file)).includes(row)]).toEqual([
      false,
      false,
    ]);
    const read = await readIndexFile(file, WHOSE);
    expect(read?.graph.size).toBe(59);
    expect(read?.graph.search(vectors[0] ?? new Float32Array(384), 60)).not.toContain(20);
    // Its place is taken again, and the noise in it gone.
    const slot = read?.rows.place({ ...placed(99) }) ?? -1;
    expect(slot).toBe(20);
    read?.graph.add([slot], () => Int16Array.from({ length: 384 }, (_, i) => i));
    expect([read?.graph.size, read?.graph.state.fillers.from]).toEqual([60, 2 ** 40 + 1]);
  });

  it.each([
    ['index.after-graph', 1],
    ['index.before-rename', 1],
    ['index.after-rename', 2],
  ])('is the one before or the new one where the process is killed at %s', async (point, seq) => {
    await writeIndexFile(file, { ...WHOSE, seq: 1 }, indexOf(vectors));
    const child = spawn(process.execPath, [join(import.meta.dirname, 'dying-save.mjs'), file], {
      env: { ...process.env, AKOSHA_FAIL_POINT: point },
      stdio: 'ignore',
    });
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
    const read = await readIndexFile(file, WHOSE);
    expect([read?.seq, read?.rows.count]).toEqual([seq, 60]);
  });
});

function placed(pid: number) {
  return {
    pid,
    rowId: pid,
    systemId: 'host-1',
    kind: 'entity' as const,
    project: null,
    tier: 'hot' as const,
    ownTime: 1,
    knownSince: 1,
  };
}

/** As usearch keeps a vector: of length 127, each component cut off behind the point. */
function nodeBytes(row: Int16Array): Buffer {
  const length = Math.hypot(...row);
  return Buffer.from(Int8Array.from(row, (x) => Math.trunc((x / length) * 127)).buffer);
}

function trimmed<Columns extends Record<string, { subarray: (from: number, until: number) => unknown }>>(
  columns: Columns,
  count: number,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(columns).map(([name, column]) => [name, column.subarray(0, count)]),
  );
}
