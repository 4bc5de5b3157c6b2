// Makes the command that package.json names from the compiled program: dist/cli/main.js -> dist/cli/akosha.cjs.
// One CommonJS file with all that the end of a session runs, SQLite's JavaScript included, because somebody waits for that call: to find
// and load a dozen modules costs more than its work does. Every other call imports the bundled program, see bundle-program.mjs.
import { chmod, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The file that `akosha` is. */
export const COMMAND = join(ROOT, 'dist', 'cli', 'akosha.cjs');

/** Loaded on first use: it costs 2 ms, and where an agent runs nothing is started. A function that is not here fails the build. */
const CHILD_PROCESS = ['spawn', 'exec', 'execSync', 'execFileSync']
  .map((name) => `export const ${name} = (...args) => require('node:child_process').${name}(...args);`)
  .join('\n');

const lateChildProcess = {
  name: 'late-child-process',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?child_process$/ }, ({ namespace, path }) =>
      namespace === 'late' ? { path, external: true } : { path: 'child_process', namespace: 'late' },
    );
    onLoad({ filter: /.*/, namespace: 'late' }, () => ({ contents: CHILD_PROCESS }));
  },
};

/**
 * SQLite's wrapper asks Node.js's report which C library a Linux has, which takes 4 ms. The other of its two helpers knows it from a file,
 * and asks the report where that file is missing.
 */
const TARGET = `
  const { familySync, GLIBC } = require('detect-libc');
  const { platform, arch } = process;
  const libc = () => (familySync() === GLIBC ? 'gnu' : 'musl');
  const suffix = { darwin: () => '', win32: () => '-msvc', linux: () => '-' + (arch === 'arm' ? 'gnueabihf' : libc()) };
  exports.currentTarget = () => platform + '-' + arch + (suffix[platform]?.() ?? '');
`;

export const quickTarget = {
  name: 'quick-target',
  setup({ onResolve, onLoad }) {
    // The wrapper's own copy of that helper: there may be another version above it.
    onResolve({ filter: /^@neon-rs\/load$/ }, ({ resolveDir }) => ({
      path: 'load',
      namespace: 'target',
      pluginData: resolveDir,
    }));
    onLoad({ filter: /.*/, namespace: 'target' }, ({ pluginData }) => ({
      contents: TARGET,
      resolveDir: pluginData,
    }));
  },
};

/** The program proper, which is a bundle of its own. */
const bundledProgram = {
  name: 'bundled-program',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/program\.js$/ }, () => ({ path: '../program/program.js', external: true }));
  },
};

/** @throws where dist/cli/main.js is missing, or where a bundled module imports what is not there. */
export async function bundleCommand(file = COMMAND) {
  // Loaded late: set-up imports this file before the packages are installed.
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['dist/cli/main.js'],
    outfile: file,
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node20.3',
    // SQLite's native part, which only this machine knows the name of.
    external: ['@libsql/*'],
    plugins: [lateChildProcess, quickTarget, bundledProgram],
    // CommonJS has no import.meta; what reads it finds the files beside the bundle, as it did beside itself.
    banner: { js: `const bundleUrl = require('node:url').pathToFileURL(__filename).href;` },
    define: { 'import.meta.url': 'bundleUrl' },
    // A checkout whose packages are a link elsewhere makes the same file.
    preserveSymlinks: true,
    logLevel: 'warning',
  });
  const [{ contents }] = outputFiles;
  // Renamed into place, as the compiler makes plain files: whoever calls it meanwhile runs the old one or the new one.
  await writeFile(`${file}.next`, contents);
  await chmod(`${file}.next`, 0o755);
  await rename(`${file}.next`, file);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await bundleCommand(process.argv[2]);
