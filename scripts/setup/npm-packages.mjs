import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT, run } from './shell.mjs';

/** `npm ci`, unless what is installed is what the lock file says. */
export async function installPackages() {
  if (await isInstalled()) return undefined;
  // npm takes development packages for unwanted where NODE_ENV says production; the build needs them.
  await run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund']);
  return 'npm packages installed';
}

/**
 * npm writes `node_modules/.package-lock.json` last, so it stands only after a whole install. It is compared entry by
 * entry with the lock file, not by a stamp of ours: what `npm install` brought is as good as what `npm ci` brings.
 * Optional packages, those of other platforms above all, may be missing.
 */
async function isInstalled() {
  const installed = await readPackages('node_modules/.package-lock.json');
  const wanted = await readPackages('package-lock.json');
  if (installed === undefined || wanted === undefined) return false;
  const matches = Object.entries(installed).every(([path, { version }]) => wanted[path]?.version === version);
  const missing = Object.entries(wanted).some(([path, { optional, devOptional, peer }]) => {
    return path !== '' && !optional && !devOptional && !peer && installed[path] === undefined;
  });
  return matches && !missing;
}

async function readPackages(file) {
  try {
    return JSON.parse(await readFile(join(ROOT, file), 'utf8')).packages;
  } catch {
    return undefined;
  }
}
