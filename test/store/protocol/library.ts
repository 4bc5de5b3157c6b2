import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const DIST = path.join(ROOT, 'dist');

/** The compiled program's modules that a scenario works with; every scenario also runs on a copy with its guard taken out. */
export interface Library {
  contract: typeof import('../../../src/contract/index.js');
  ingest: typeof import('../../../src/ingest/index.js');
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
  return load(DIST);
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

/** The unchanged files are links, which cost a fifth of copies; to the loader each is a module of its own all the same. */
async function copyPatched(folder: string, patches: readonly Patch[]): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  modules ??= listModules();
  const { files, folders } = await modules;
  for (const inside of folders) await mkdir(path.join(folder, inside), { recursive: true });
  const patched = new Set(patches.map(({ file }) => path.normalize(file)));
  for (const file of files) {
    if (!patched.has(file)) await link(path.join(DIST, file), path.join(folder, file));
  }
  for (const file of patched) {
    const text = await readFile(path.join(DIST, file), 'utf8');
    await writeFile(
      path.join(folder, file),
      patches.filter((patch) => path.normalize(patch.file) === file).reduce(apply, text),
    );
  }
}

function apply(text: string, { file, from, to }: Patch): string {
  const count = text.split(from).length - 1;
  if (count !== 1)
    throw new Error(`${file} holds ${JSON.stringify(from)} ${count} times; a patch needs it once`);
  return text.replace(from, () => to);
}

let modules: ReturnType<typeof listModules> | undefined;

/** The compiled program's modules and their folders, without the bundles of workflows. */
async function listModules(): Promise<{ files: string[]; folders: Set<string> }> {
  const names = await readdir(DIST, { recursive: true });
  const files = names.filter((name) => name.endsWith('.js') && !/^workflow-bundle[^/]*$/.test(name));
  return { files, folders: new Set(files.map((file) => path.dirname(file))) };
}

async function load(folder: string): Promise<Library> {
  const open = (file: string): Promise<unknown> =>
    import(/* @vite-ignore */ pathToFileURL(path.join(folder, file)).href);
  return {
    contract: await open('contract/index.js'),
    ingest: await open('ingest/index.js'),
    objects: await open('objects/index.js'),
    store: await open('store/index.js'),
    maintenance: await open('maintenance/index.js'),
    database: await open('store/embedded/catalog/database.js'),
  } as Library;
}
