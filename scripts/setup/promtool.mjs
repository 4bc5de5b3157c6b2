import { constants, existsSync } from 'node:fs';
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { ROOT, SetupError, run } from './shell.mjs';

const VARIABLE = 'AKOSHA_PROMTOOL_BIN';
const INSTALLED = join(ROOT, '.tools', 'promtool');

/**
 * Finds promtool, which checks the alerts: the one that `AKOSHA_PROMTOOL_BIN` names, the one on `PATH`, the one out of Debian's package
 * `prometheus`, which is fetched where it has not been yet. No package registry has it.
 */
export async function providePromtool() {
  const named = process.env[VARIABLE];
  if (named) {
    if (await isProgram(named)) return named;
    throw new SetupError(`${VARIABLE} names "${named}", which is no program that can be run.`);
  }
  const folders = (process.env.PATH ?? '').split(delimiter).filter(isAbsolute);
  for (const path of [...folders.map((folder) => join(folder, 'promtool')), INSTALLED])
    if (await isProgram(path)) return path;
  try {
    await install();
    return INSTALLED;
  } catch (error) {
    throw new SetupError(
      `promtool, which checks deploy/prometheus, is not here and could not be installed.\n` +
        `Either set ${VARIABLE}, or put "promtool" on PATH (it comes with Prometheus; packages: prometheus), ` +
        `or run this where apt-get reaches its archive.\n${error.message}`,
    );
  }
}

/** Takes it out of the package, which `apt-get` has verified by its archive's signature: nothing is installed on the machine. */
async function install() {
  await mkdir(join(ROOT, '.tools'), { recursive: true });
  const folder = await mkdtemp(`${INSTALLED}-`);
  try {
    await download(folder);
    const file = (await readdir(folder)).find((name) => name.endsWith('.deb'));
    if (file === undefined) throw new SetupError('apt-get downloaded no package.');
    await run('dpkg-deb', ['--extract', file, 'content'], { cwd: folder });
    await rename(join(folder, 'content', 'usr', 'bin', 'promtool'), INSTALLED);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** With lists of its own where the machine's are not there, as in most images; neither needs root. */
async function download(folder) {
  const fetch = (...options) => run('apt-get', [...options, 'download', 'prometheus'], { cwd: folder });
  try {
    await fetch();
  } catch (error) {
    if (!existsSync('/usr/bin/apt-get')) throw error;
    const own = { lists: join(folder, 'lists'), cache: join(folder, 'cache') };
    await mkdir(join(own.lists, 'partial'), { recursive: true });
    await mkdir(join(own.cache, 'archives', 'partial'), { recursive: true });
    const options = ['-o', `Dir::State::lists=${own.lists}`, '-o', `Dir::Cache=${own.cache}`];
    await run('apt-get', [...options, 'update'], { cwd: folder });
    await fetch(...options);
  }
}

async function isProgram(path) {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
