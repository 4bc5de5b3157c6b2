import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const ROOT = path.resolve(import.meta.dirname, '../../..');

/** The compiled program's modules that a scenario works with; every scenario also runs on a copy with its guard taken out. */
export interface Library {
  contract: typeof import('../../../src/contract/index.js');
  objects: typeof import('../../../src/objects/index.js');
  store: typeof import('../../../src/store/index.js');
  maintenance: typeof import('../../../src/maintenance/index.js');
  database: typeof import('../../../src/store/embedded/catalog/database.js');
}

/** One textual change to a compiled file. The text must stand in it exactly once, so that a guard that moved is noticed. */
export interface Patch {
  file: string;
  from: string;
  to: string;
}

export function loadProgram(): Promise<Library> {
  return load(path.join(ROOT, 'dist'));
}

/** A copy of the program with patches. Inside the checkout, because it has to find `node_modules`. */
export async function loadPatched(
  name: string,
  patches: readonly Patch[],
): Promise<{ library: Library; remove: () => Promise<void> }> {
  const folder = path.join(ROOT, '.mutants', `${name}-${process.pid}`);
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await copyPatched(folder, patches);
    return { library: await load(folder), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function copyPatched(folder: string, patches: readonly Patch[]): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await cp(path.join(ROOT, 'dist'), folder, {
    recursive: true,
    filter: (file) =>
      !file.endsWith('.map') && !file.endsWith('.d.ts') && !/workflow-bundle[^/]*$/.test(file),
  });
  for (const { file, from, to } of patches) {
    const target = path.join(folder, file);
    const text = await readFile(target, 'utf8');
    const count = text.split(from).length - 1;
    if (count !== 1)
      throw new Error(`${file} holds ${JSON.stringify(from)} ${count} times; a patch needs it once`);
    await writeFile(
      target,
      text.replace(from, () => to),
    );
  }
}

async function load(folder: string): Promise<Library> {
  const open = (file: string): Promise<unknown> =>
    import(/* @vite-ignore */ pathToFileURL(path.join(folder, file)).href);
  return {
    contract: await open('contract/index.js'),
    objects: await open('objects/index.js'),
    store: await open('store/index.js'),
    maintenance: await open('maintenance/index.js'),
    database: await open('store/embedded/catalog/database.js'),
  } as Library;
}
