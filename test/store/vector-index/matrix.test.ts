import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Matrix, normalised, quantised } from '../../../src/store/embedded/vector-index/matrix.js';
import { BLOCK_ROWS, MEMORY_ROWS } from '../../../src/store/embedded/vector-index/row-memory.js';
import { temporaryFolder } from '../../reader/support.js';
import { random } from './support.js';

const next = random(11);

function made(): Float32Array {
  return Float32Array.from({ length: 384 }, () => next() - 0.5);
}

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
  return dot / Math.hypot(...a) / Math.hypot(...b);
}

function steps(vector: Float32Array): Int16Array {
  return quantised(vector) ?? expect.fail('a vector without a direction');
}

function query(): Float32Array {
  return normalised(made()) ?? expect.fail('a vector without a direction');
}

describe('a matrix of vectors', () => {
  it('tells the cosine of each row and a query, also of rows in another block, and of a later query', () => {
    const matrix = new Matrix();
    const slots = [0, 1, BLOCK_ROWS - 1, BLOCK_ROWS, 3 * BLOCK_ROWS + 5];
    matrix.grow(3 * BLOCK_ROWS + 6);
    const vectors = new Map(slots.map((slot) => [slot, made()]));
    for (const [slot, vector] of vectors) matrix.set(slot, steps(vector));
    for (const asked of [query(), query()]) {
      const told = matrix.cosineWith(asked);
      for (const [slot, vector] of vectors) expect(told(slot)).toBeCloseTo(cosine(vector, asked), 4);
    }
  });

  it('is exact at the ends of what 16 bits hold', () => {
    const matrix = new Matrix();
    matrix.grow(2);
    matrix.set(0, new Int16Array(384).fill(32_767));
    matrix.set(1, new Int16Array(384).fill(-32_768));
    const told = matrix.cosineWith(normalised(new Float32Array(384).fill(1)) ?? expect.fail('no query'));
    expect(told(0)).toBeCloseTo(1, 5);
    expect(told(1)).toBeCloseTo(-1, 5);
  });

  it('keeps what it has as it grows beyond one memory, and nothing of what is cleared', () => {
    const matrix = new Matrix();
    const [first, last] = [made(), made()];
    matrix.grow(1);
    matrix.set(0, steps(first));
    matrix.grow(MEMORY_ROWS + 1);
    matrix.set(MEMORY_ROWS, steps(last));
    const asked = query();
    const told = matrix.cosineWith(asked);
    expect(told(0)).toBeCloseTo(cosine(first, asked), 4);
    expect(told(MEMORY_ROWS)).toBeCloseTo(cosine(last, asked), 4);
    expect([...matrix.parts(MEMORY_ROWS + 1)].reduce((rows, part) => rows + part.length / 384, 0)).toBe(
      MEMORY_ROWS + 1,
    );
    matrix.clear(0);
    expect(matrix.row(0).some((step) => step !== 0)).toBe(false);
    expect(matrix.cosineWith(asked)(0)).toBe(0);
  });
});

it('the module is what its text says; scripts/assemble-wasm.mjs writes it anew', async () => {
  const assembled = join(await temporaryFolder(), 'module.ts');
  await promisify(execFile)(process.execPath, ['scripts/assemble-wasm.mjs', assembled]);
  const module = 'src/store/embedded/vector-index/dot-product-module.ts';
  expect(await readFile(module, 'utf8')).toBe(await readFile(assembled, 'utf8'));
});
