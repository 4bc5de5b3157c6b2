import { mkdir, readdir, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { inScratch } from '../../src/runtime/index.js';
import { temporaryFolder } from '../reader/support.js';

it('a scratch folder goes with what is in it, whatever came of the work', async () => {
  const parent = await temporaryFolder();
  const flat = await inScratch(parent, 'work-', async (folder) => {
    expect([dirname(folder), await readdir(folder)]).toEqual([parent, []]);
    await writeFile(join(folder, 'a'), '1');
    await writeFile(join(folder, 'b'), '2');
    return folder;
  });
  expect(flat).toMatch(/\/work-\w+$/);
  const failing = inScratch(parent, 'work-', async (folder) => {
    await mkdir(join(folder, 'deep', 'deeper'), { recursive: true });
    await writeFile(join(folder, 'deep', 'c'), '3');
    throw new Error('injected');
  });
  await expect(failing).rejects.toThrow('injected');
  // Nothing is left to do where somebody else removed it.
  await inScratch(parent, 'work-', (folder) => rmdir(folder));
  expect(await readdir(parent)).toEqual([]);
});
