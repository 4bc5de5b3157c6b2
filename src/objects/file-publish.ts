import { link, lstat, mkdir, open, rename, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AkoshaError } from '../contract/index.js';
import { codeOf, fileError } from './local-files.js';

/**
 * How often a put makes its folder again after a concurrent delete found it empty and took it away. Every further try
 * needs another delete in the microseconds between two calls, so this is only reached when something else is wrong.
 */
const FOLDER_TRIES = 100;

export interface Publication {
  /** A finished, synced file on the same file system. It may still be there afterwards. */
  temp: string;
  target: string;
  root: string;
  createOnly: boolean;
  key: string;
  doing: string;
}

/**
 * Makes a finished file visible under its key, whole or not at all, and returns when the name is durable. A create-only
 * put links, because a link is the one call that fails where the name is taken; a rename would replace.
 */
export async function publish(what: Publication): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await makeFolders(what);
      await (what.createOnly ? link(what.temp, what.target) : rename(what.temp, what.target));
      break;
    } catch (error) {
      if (codeOf(error) === 'ENOENT' && tries < FOLDER_TRIES) continue;
      throw await publishError(error, what);
    }
  }
  await syncUpwards(dirname(what.target), what.root, what.doing);
}

/**
 * Node's recursive `mkdir` looks with `stat` at a folder that it could not make, and reports `ENOTDIR` or `EEXIST` also where
 * a concurrent delete took that folder away just before the look. So its word is not taken for it: only an object that really
 * stands in the way is the caller's fault.
 */
async function makeFolders(what: Publication): Promise<void> {
  const folder = dirname(what.target);
  for (let tries = 1; ; tries += 1) {
    try {
      await mkdir(folder, { recursive: true });
      return;
    } catch (error) {
      const code = codeOf(error);
      if (code !== 'EEXIST' && code !== 'ENOTDIR') throw error;
      if (await hasObjectAbove(what)) {
        throw new AkoshaError(
          'ObjectStoreRefused',
          `${what.doing}: a part of this key is itself the key of an object, and a folder cannot hold both`,
          { cause: error, details: { key: what.key } },
        );
      }
      if (tries < FOLDER_TRIES) continue;
      throw new AkoshaError(
        'ObjectStoreUnavailable',
        `${what.doing}: ${folder} was taken away ${tries} times`,
        {
          cause: error,
          details: { key: what.key },
        },
      );
    }
  }
}

/** Whether anything but a folder stands where a folder of the key must be. */
async function hasObjectAbove({ target, root }: Publication): Promise<boolean> {
  for (let at = dirname(target); at !== root; at = dirname(at)) {
    const isOther = await lstat(at).then(
      (info) => !info.isDirectory(),
      () => false,
    );
    if (isOther) return true;
  }
  return false;
}

async function publishError(error: unknown, what: Publication): Promise<AkoshaError> {
  const code = codeOf(error);
  if (code === 'EEXIST' || code === 'EISDIR') {
    const isFolder = await lstat(what.target).then(
      (info) => info.isDirectory(),
      () => false,
    );
    if (isFolder) {
      return new AkoshaError(
        'ObjectStoreRefused',
        `${what.doing}: other keys begin with this key and "/", and a folder cannot hold both`,
        { cause: error, details: { key: what.key } },
      );
    }
    if (code === 'EEXIST') return objectExists(what.key, what.doing);
  }
  return fileError(error, what.doing, what.target);
}

export function objectExists(key: string, doing: string): AkoshaError {
  return new AkoshaError('ObjectExists', `${doing}: the key is taken`, { details: { key } });
}

/**
 * Syncs a folder and all above it to the root: which of them are new is not known for sure, because another put may have
 * made one and not synced it yet. A folder that is gone was emptied by a delete and needs no syncing.
 */
export async function syncUpwards(folder: string, root: string, doing: string): Promise<void> {
  const folders = [folder];
  for (let at = folder; at !== root;) folders.push((at = dirname(at)));
  await Promise.all(folders.map((path) => syncFolder(path, doing)));
}

export async function syncFolder(path: string, doing: string): Promise<void> {
  try {
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw fileError(error, doing, path);
  }
}

/**
 * Takes away a folder that a delete has emptied, and those above it, then syncs what is left. `rmdir` never takes a folder
 * with something in it, so an object put meanwhile is safe; a folder that cannot be taken away harms nothing.
 */
export async function pruneUpwards(folder: string, root: string, doing: string): Promise<void> {
  let at = folder;
  while (at !== root) {
    const gone = await rmdir(at).then(
      () => true,
      (error: unknown) => codeOf(error) === 'ENOENT',
    );
    if (!gone) break;
    at = dirname(at);
  }
  await syncUpwards(at, root, doing);
}
