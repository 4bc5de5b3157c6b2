// Bundles the compiled program with its packages: dist/cli/program.js and the entries of its processes and threads -> dist/program/, one file for
// each of them and one for whatever several of them, or a part that is loaded late, have in common. Nothing else is loaded from a thousand files:
// to find, read and link those takes a server 0.7 s of a core at each start, and a reader half of all that it begins with.
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const DIST = fileURLToPath(new URL('../dist', import.meta.url));
const FOLDER = join(DIST, 'program');

/** What a process or a thread is started from, by the name of its bundle. */
const ENTRIES = {
  program: join(DIST, 'cli', 'program.js'),
  'reader-child': join(DIST, 'reader', 'reader-child.js'),
  'embedding-thread': join(DIST, 'search', 'embedding', 'embedding-thread.js'),
  'index-thread': join(DIST, 'store', 'embedded', 'vector-index', 'index-thread.js'),
  // Temporal's own, in which workflows run.
  'workflow-thread': '@temporalio/worker/lib/workflow/workflow-worker-thread.js',
};

/** Which packages each file was made of, for those who ask what a process has loaded. */
const CONTENTS = join(FOLDER, 'contents.json');

/** Whoever finds these has the whole bundle: they come last. */
export const PROGRAM_FILES = [...Object.keys(ENTRIES).map((name) => join(FOLDER, `${name}.js`)), CONTENTS];

/** They look for a file beside themselves, mostly a native part that only this machine knows the name of. */
const NATIVE = ['@duckdb/node-bindings', '@libsql/*', 'onnxruntime-node', 'source-map', 'usearch'];

/** A process that was started before a build loads a part of the old one when it first needs it. None runs for long beside a newer program. */
const KEEP_OLD_MS = 86_400_000;

/** CommonJS of packages asks for what only a file of its own has. */
const BANNER = `
import { createRequire as bundleRequire } from 'node:module';
import { fileURLToPath as bundlePath } from 'node:url';
const require = bundleRequire(import.meta.url);
const __filename = bundlePath(import.meta.url);
const __dirname = bundlePath(new URL('.', import.meta.url));`;

/** Our own modules. Each goes on finding what lies beside it in `dist`, and of zod takes what it names, not the messages of sixty languages. */
const own = {
  name: 'own',
  setup({ onLoad }) {
    onLoad({ filter: /\.js$/ }, async ({ path }) => {
      if (!path.startsWith(`${DIST}/`)) return undefined;
      const beside = `new URL(${JSON.stringify(relative(FOLDER, path))}, import.meta.url).href`;
      const text = await readFile(path, 'utf8');
      return {
        contents: text
          .replace(/^import \{ z \} from 'zod';$/m, `import * as z from 'zod';`)
          .replaceAll('import.meta.url', () => beside),
      };
    });
  },
};

/** A late import of a CommonJS module, as Temporal's packages and Amazon's are, has its names only where somebody lists them. */
const lateNames = {
  name: 'late-names',
  setup({ resolve, onResolve, onLoad }) {
    onResolve({ filter: /.*/ }, async ({ kind, path, resolveDir, importer, pluginData }) => {
      if (kind !== 'dynamic-import' || pluginData === RESOLVED) return undefined;
      const found = await resolve(path, { kind, resolveDir, importer, pluginData: RESOLVED });
      if (found.external || found.errors.length > 0 || !(await isCommonJs(found.path))) return found;
      return { path: found.path, namespace: 'late', pluginData: resolveDir };
    });
    onLoad({ filter: /.*/, namespace: 'late' }, ({ path, pluginData }) => {
      const names = Object.keys(createRequire(path)(path)).filter((name) => name !== 'default');
      return {
        contents: `export { default, ${names.join(', ')} } from ${JSON.stringify(path)};`,
        resolveDir: pluginData,
      };
    });
  },
};

const RESOLVED = 'resolved';

/** One that has neither imports nor exports. */
async function isCommonJs(file) {
  return !/^(import|export)\b/m.test(await readFile(file, 'utf8'));
}

/**
 * Temporal's worker: its thread is the bundled one, and it brings no webpack, because workflows are bundled when the program is built. The
 * JavaScript over its native part is bundled too, which otherwise would load the packages that it shares with the worker once more, errors
 * among them that the worker would not know for its own.
 */
const temporalWorker = {
  name: 'temporal-worker',
  setup({ onLoad }) {
    onLoad({ filter: /@temporalio\/worker\/lib\/workflow\/threaded-vm\.js$/ }, async ({ path }) => ({
      contents: replaceOnce(
        await readFile(path, 'utf8'),
        `require.resolve('./workflow-worker-thread')`,
        `require.resolve('./workflow-thread.js')`,
      ),
    }));
    onLoad({ filter: /@temporalio\/core-bridge\/common\.js$/ }, async ({ path }) => ({
      contents: replaceOnce(
        await readFile(path, 'utf8'),
        '__dirname',
        `path.dirname(require.resolve('@temporalio/core-bridge/package.json'))`,
      ),
    }));
    onLoad({ filter: /@temporalio\/worker\/lib\/workflow\/bundler\.js$/ }, () => ({
      contents: `
        exports.bundleWorkflowCode = () => { throw new Error('workflows are bundled by scripts/bundle-workflows.mjs'); };
        exports.WorkflowCodeBundler = class { constructor() { exports.bundleWorkflowCode(); } };
        exports.defaultWorkflowInterceptorModules = [];`,
    }));
  },
};

function replaceOnce(text, from, to) {
  if (text.split(from).length !== 2)
    throw new Error(`${from} does not stand once where it is to be replaced`);
  return text.replace(from, () => to);
}

/** @throws where a compiled entry is missing, or where a bundled module imports what is not there. */
export async function bundleProgram() {
  // Loaded late: set-up imports this file before the packages are installed.
  const { build } = await import('esbuild');
  const { outputFiles, metafile } = await build({
    absWorkingDir: dirname(DIST),
    entryPoints: ENTRIES,
    outdir: FOLDER,
    chunkNames: 'part-[hash]',
    bundle: true,
    splitting: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.3',
    external: NATIVE,
    banner: { js: BANNER },
    plugins: [own, lateNames, temporalWorker],
    // A checkout whose packages are a link elsewhere makes the same files.
    preserveSymlinks: true,
    logLevel: 'warning',
  });
  await mkdir(FOLDER, { recursive: true });
  const before = await partsBefore();
  const files = new Map(outputFiles.map(({ path, contents }) => [path, contents]));
  files.set(CONTENTS, JSON.stringify(contentsOf(metafile)));
  const isLast = (file) => PROGRAM_FILES.includes(file);
  // Renamed into place, the entries last: whoever starts meanwhile runs the old program or the new one, with all of its parts.
  for (const [file, contents] of [...files].sort(([a], [b]) => isLast(a) - isLast(b))) {
    await writeFile(`${file}.next`, contents);
    await rename(`${file}.next`, file);
  }
  await removeOld(before, new Set(files.keys()));
}

/** The packages, by the name of the file that holds some of them. */
function contentsOf({ outputs }) {
  const packageOf = (input) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1];
  return Object.fromEntries(
    Object.entries(outputs).map(([file, { inputs }]) => [
      basename(file),
      [...new Set(Object.keys(inputs).map(packageOf))].filter((name) => name !== undefined),
    ]),
  );
}

/** The files of the program that stands. */
async function partsBefore() {
  const text = await readFile(CONTENTS, 'utf8').catch(() => '{}');
  return new Set(Object.keys(JSON.parse(text)).map((name) => join(FOLDER, name)));
}

/** A part is old from the build on that does without it, however long ago it was made. */
async function removeOld(before, current) {
  const now = new Date();
  for (const name of await readdir(FOLDER)) {
    const file = join(FOLDER, name);
    if (current.has(file)) continue;
    if (before.has(file)) await utimes(file, now, now);
    else if (now - (await stat(file)).mtime > KEEP_OLD_MS) await rm(file);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await bundleProgram();
