import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

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
  /** Another module, by its compiled file; the caller says of what type it is. */
  load: <Module>(file: string) => Promise<Module>;
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

/**
 * The program with patches: a copy of the patched modules and of all that import them, over the rest as it is compiled, of which every module
 * is loaded once for all programs. Inside the checkout, because it has to find `node_modules`.
 */
export async function loadPatched(
  name: string,
  patches: readonly Patch[],
): Promise<{ library: Library; remove: () => Promise<void> }> {
  const folder = path.join(ROOT, '.mutants', `${name}-${process.pid}`);
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await remove();
    return { library: await load(folder, await copyPatched(folder, patches)), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Returns what was copied. */
async function copyPatched(folder: string, patches: readonly Patch[]): Promise<ReadonlySet<string>> {
  importers ??= listImporters();
  const copied = new Set(patches.map(({ file }) => path.normalize(file)));
  // Grows while it is gone through.
  for (const file of copied) for (const importer of (await importers).get(file) ?? []) copied.add(importer);
  for (const file of copied) {
    const text = await readFile(path.join(DIST, file), 'utf8');
    const patched = patches.filter((patch) => path.normalize(patch.file) === file).reduce(apply, text);
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    await writeFile(path.join(folder, file), withoutCopies(file, patched, copied));
  }
  if (copied.has(THREAD)) {
    const [entry, outfile] = [path.join(folder, THREAD), path.join(folder, bundleOf(THREAD))];
    await build({ entryPoints: [entry], outfile, bundle: true, packages: 'external', platform: 'node' });
  }
  return copied;
}

/** A module's text that has the compiled module itself of whatever is not copied. */
function withoutCopies(file: string, text: string, copied: ReadonlySet<string>): string {
  return text.replaceAll(SPECIFIER, (whole, specifier: string) =>
    copied.has(target(file, specifier))
      ? whole
      : whole.replace(specifier, () => path.join(DIST, path.dirname(file), specifier)),
  );
}

function apply(text: string, { file, from, to }: Patch): string {
  const count = text.split(from).length - 1;
  if (count !== 1)
    throw new Error(`${file} holds ${JSON.stringify(from)} ${count} times; a patch needs it once`);
  return text.replace(from, () => to);
}

let importers: ReturnType<typeof listImporters> | undefined;

/** Of each module of the compiled program those that import it, or start it as a thread or process of their own. */
async function listImporters(): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const file of await readdir(DIST, { recursive: true })) {
    if (!file.endsWith('.js') || /^workflow-bundle[^/]*$/.test(file)) continue;
    for (const [, specifier = ''] of (await readFile(path.join(DIST, file), 'utf8')).matchAll(SPECIFIER)) {
      const imported = target(file, specifier);
      found.set(imported, [...(found.get(imported) ?? []), file]);
    }
  }
  return found;
}

/** Where a module says which other it means. */
const SPECIFIER = /(?:\bfrom |\bimport |\bimport\(|\bentryPoint\(import\.meta\.url, )'(\.[^']+)'/g;

function target(file: string, specifier: string): string {
  const named = path.join(path.dirname(file), specifier);
  return named === bundleOf(THREAD) ? THREAD : named;
}

/** The one module that is started as a bundle. */
const THREAD = path.normalize('store/embedded/catalog/catalog-thread.js');

function bundleOf(module: string): string {
  return module.replace(/\.js$/, '.cjs');
}

async function load(folder: string, copied: ReadonlySet<string> = new Set()): Promise<Library> {
  const open = (file: string): Promise<unknown> => {
    const from = copied.has(path.normalize(file)) ? folder : DIST;
    return import(/* @vite-ignore */ pathToFileURL(path.join(from, file)).href);
  };
  return {
    contract: await open('contract/index.js'),
    ingest: await open('ingest/index.js'),
    objects: await open('objects/index.js'),
    store: await open('store/index.js'),
    maintenance: await open('maintenance/index.js'),
    database: await open('store/embedded/catalog/database.js'),
    load: open,
  } as Library;
}
