// Bundles what a thread of the catalog runs: dist/store/embedded/catalog/catalog-thread.js -> catalog-thread.cjs beside it, SQLite's JavaScript
// included. Each store starts two or three of them, and to find and load ninety modules costs as much as all else that such a thread begins with.
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { quickTarget } from './bundle-command.mjs';

const DIST = fileURLToPath(new URL('../dist', import.meta.url));
const MODULE = join('store', 'embedded', 'catalog', 'catalog-thread.js');

/** The file that a thread of the catalog is started from. */
export const CATALOG_THREAD = join(DIST, MODULE.replace(/\.js$/, '.cjs'));

/** @throws where the compiled thread is missing, or where a bundled module imports what is not there. */
export async function bundleThreads() {
  // Loaded late: set-up imports this file before the packages are installed.
  const { build } = await import('esbuild');
  await build({
    entryPoints: [join(DIST, MODULE)],
    outfile: `${CATALOG_THREAD}.next`,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.3',
    // SQLite's native part, which only this machine knows the name of.
    external: ['@libsql/*'],
    plugins: [quickTarget],
    logLevel: 'warning',
  });
  // Renamed into place: a thread that starts meanwhile runs the old bundle or the new one, never half of one.
  await rename(`${CATALOG_THREAD}.next`, CATALOG_THREAD);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await bundleThreads();
