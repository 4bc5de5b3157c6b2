import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleCommand, COMMAND } from '../bundle-command.mjs';
import { bundleProgram, PROGRAM_FILES } from '../bundle-program.mjs';
import { bundleThreads, CATALOG_THREAD } from '../bundle-threads.mjs';
import { bundleWorkflows } from '../bundle-workflows.mjs';
import { ROOT, run } from './shell.mjs';

const SOURCE = join(ROOT, 'src');
const DIST = join(ROOT, 'dist');
const STAMP = join(DIST, '.build');
const BUNDLES = ['workflow-bundle.js', 'workflow-bundle-traced.js'];
const PROGRAM = join('program', '/');
const BUNDLE_FILES = BUNDLES.map((bundle) => join(DIST, bundle));

/** Compiles `src/`, bundles the program, the command, the catalog's threads and the workflows, unless nothing that goes into them has changed. */
export async function build() {
  const inputs = await digestInputs();
  if (
    (await readStamp()) === inputs &&
    [...PROGRAM_FILES, COMMAND, CATALOG_THREAD, ...BUNDLE_FILES].every((file) => existsSync(file))
  ) {
    return undefined;
  }
  await mkdir(DIST, { recursive: true });
  await rm(STAMP, { force: true });
  await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']);
  await removeOrphans();
  await bundleProgram();
  await bundleCommand();
  await bundleThreads();
  await bundleWorkflows();
  await writeFile(STAMP, inputs);
  return 'program, command, thread and workflow bundle built';
}

/** One digest of path, size and time of change of every input: cheaper than the 2 s in which the compiler finds out. */
async function digestInputs() {
  const files = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
  for (const part of ['command', 'program', 'threads', 'workflows']) files.push(`scripts/bundle-${part}.mjs`);
  for (const file of await listFiles(SOURCE)) files.push(join('src', file));
  const digest = createHash('sha256');
  for (const file of files.sort()) {
    const { size, mtimeMs } = await stat(join(ROOT, file));
    digest.update(`${file} ${size} ${mtimeMs}\n`);
  }
  return digest.digest('hex');
}

async function readStamp() {
  try {
    return await readFile(STAMP, 'utf8');
  } catch {
    return undefined;
  }
}

/** The compiler never deletes: without this, code whose source is gone would go on being loaded and shipped. */
async function removeOrphans() {
  const bundled = (file) => BUNDLES.includes(file) || file.startsWith(PROGRAM);
  const sources = new Set((await listFiles(SOURCE)).map((file) => file.replace(/\.ts$/, '')));
  for (const file of await listFiles(DIST)) {
    const stem = /^(.*?)(\.d\.ts|\.js|\.js\.map)$/.exec(file)?.[1];
    if (stem !== undefined && !bundled(file) && !sources.has(stem)) await rm(join(DIST, file));
  }
}

async function listFiles(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  // `path` is the name of `parentPath` before Node 20.12.
  const inside = (entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1);
  return entries.filter((entry) => entry.isFile()).map(inside);
}
