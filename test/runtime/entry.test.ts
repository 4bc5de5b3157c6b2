import { describe, expect, it } from 'vitest';
import { entryPoint } from '../../src/runtime/index.js';

describe('entryPoint', () => {
  it('is the file beside a compiled caller', () => {
    const url = entryPoint('file:///app/dist/reader/pool.js', './reader-child.js');
    expect(url.href).toBe('file:///app/dist/reader/reader-child.js');
  });

  it('is the compiled file where the caller runs from its source', () => {
    const url = entryPoint('file:///app/src/reader/pool.ts', './reader-child.js');
    expect(url.href).toBe('file:///app/dist/reader/reader-child.js');
  });

  it('takes the name of the source for the compiled file', () => {
    const url = entryPoint('file:///app/src/reader/pool.ts', './reader-child.ts');
    expect(url.href).toBe('file:///app/dist/reader/reader-child.js');
  });

  it('is not misled by a checkout that lies under a folder named src', () => {
    const url = entryPoint('file:///home/me/src/akosha/src/reader/pool.ts', './reader-child.js');
    expect(url.href).toBe('file:///home/me/src/akosha/dist/reader/reader-child.js');
  });
});
