import type * as Fs from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeEach, expect, it, vi } from 'vitest';
import { type ObjectStore, openObjectStore } from '../../src/objects/index.js';
import { temporaryFolder } from './stores.js';

/** What was called, in order: `sync <path>`, `link <to>`, `rename <to>`. The calls themselves are the real ones. */
const calls = vi.hoisted((): string[] => []);

// A power cut cannot be had in a test; that the calls which survive one are made, and in which order, can be seen.
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof Fs>();
  return {
    ...real,
    open: async (...args: Parameters<typeof Fs.open>) => {
      const file = await real.open(...args);
      const { sync, datasync } = file;
      file.sync = () => sync.call(file).then(() => void calls.push(`sync ${String(args[0])}`));
      file.datasync = () => datasync.call(file).then(() => void calls.push(`sync ${String(args[0])}`));
      return file;
    },
    link: (from: string, to: string) => real.link(from, to).then(() => void calls.push(`link ${to}`)),
    rename: (from: string, to: string) => real.rename(from, to).then(() => void calls.push(`rename ${to}`)),
  };
});

let root: string;
let store: ObjectStore;

beforeEach(async () => {
  root = await temporaryFolder();
  store = await openObjectStore(pathToFileURL(root).href);
  await store.check();
  calls.length = 0;
});

const syncsOf = (folders: string[]): string[] => folders.map((folder) => `sync ${join(root, folder)}`).sort();

it.each([
  ['rename', false],
  ['link', true],
])(
  'syncs the bytes, then makes the name by %s, then syncs each folder up to the root',
  async (verb, createOnly) => {
    await store.put('a/b/c', 'x', { createOnly });
    expect(calls[0]).toMatch(/^sync .*\/\.tmp\/[0-9a-f-]{36}$/);
    expect(calls[1]).toBe(`${verb} ${join(root, 'a/b/c')}`);
    expect(calls.slice(2).sort()).toEqual(syncsOf(['a/b', 'a', '']));
  },
);

it('syncs what is left of the folders after a delete', async () => {
  await store.put('a/b/c', 'x');
  await store.put('a/d', 'x');
  calls.length = 0;
  await store.delete(['a/b/c']);
  expect(calls.sort()).toEqual(syncsOf(['a', '']));
});

it('syncs the folder that holds a newly made root', async () => {
  const later = await openObjectStore(pathToFileURL(join(root, 'new', 'store')).href);
  await later.check();
  expect(calls.sort()).toEqual(syncsOf(['new/store/.tmp', 'new/store', 'new', '']));
});
