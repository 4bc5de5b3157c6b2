// Makes a fresh clone ready to run, in plain Node: npm packages, the compiled program and its workflow bundle, the
// server programs and the embedding model. Safe to run again and beside itself; does only what is not done yet.
import { pathToFileURL } from 'node:url';
import { build } from './setup/build.mjs';
import { exclusively } from './setup/lock.mjs';
import { installPackages } from './setup/npm-packages.mjs';
import { createProgress } from './setup/progress.mjs';
import { providePromtool } from './setup/promtool.mjs';
import { SetupError } from './setup/shell.mjs';
import { provideModel, provideReader, provideServer } from './setup/tools.mjs';

/** @typedef {'temporal' | 'weed' | 'model' | 'duckdb' | 'promtool'} Tool */

const TITLES = {
  temporal: 'Temporal',
  weed: 'S3 server',
  model: 'embedding model',
  duckdb: 'reader of newer databases',
  promtool: 'promtool',
};

/**
 * @param {object} [options]
 * @param {Tool[]} [options.require] without these set-up fails; without the others it says what will not work
 * @param {Tool[]} [options.tools] those to provide at all
 * @param {string} [options.node] the oldest Node.js that will do
 * @param {boolean} [options.quiet] says nothing about what is up to date
 */
export async function setup({
  require = ['temporal'],
  tools = ['temporal', 'weed', 'model', 'duckdb'],
  node = '20.3.0',
  quiet = false,
} = {}) {
  checkNode(node);
  const progress = createProgress(quiet);
  await exclusively(async () => {
    await progress.step('packages', installPackages);
    await progress.step('build', build);
    // The program's own finder, just built: where to look and in which order stands in one place.
    const servers = await import('../dist/servers/index.js');
    for (const tool of tools) {
      try {
        await progress.step(TITLES[tool], () => provide(servers, tool));
      } catch (error) {
        if (require.includes(tool)) throw error;
        progress.note(`setup: ${TITLES[tool]}: left out. ${error.message}`);
      }
    }
  }, progress.note);
}

/** @param {Tool} tool */
async function provide(servers, tool) {
  if (tool === 'promtool') return `found (${await providePromtool()})`;
  if (tool === 'model') return provideModel(servers);
  return tool === 'duckdb' ? provideReader(servers) : provideServer(servers, tool);
}

/** @param {string} oldest */
export function checkNode(oldest, actual = process.versions.node) {
  const [wanted, have] = [oldest, actual].map((version) => version.split('.').map(Number));
  const older = wanted.findIndex((part, at) => part !== have[at]);
  if (older !== -1 && have[older] < wanted[older]) {
    throw new SetupError(`Node.js ${actual} is too old: install ${oldest} or newer.`);
  }
}

/** Runs a script's main function; a failure a person can act on is printed without its stack. */
export async function runScript(main) {
  try {
    await main();
  } catch (error) {
    const known = error instanceof SetupError || error.name === 'AkoshaError';
    process.stderr.write(`${known ? error.message : error.stack}\n`);
    process.exitCode = 1;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  // "--tools model" provides only what it names, and then needs it: an image brings its servers along.
  const at = process.argv.indexOf('--tools');
  const tools = at === -1 ? undefined : (process.argv[at + 1] ?? '').split(',').filter(Boolean);
  await runScript(() => setup(tools && { tools, require: tools }));
}
