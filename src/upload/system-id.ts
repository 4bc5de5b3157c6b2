import { randomBytes, randomUUID } from 'node:crypto';
import { link, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { SystemId } from '../contract/index.js';
import { escapeSystemId } from '../memory/index.js';
import { isMissing, makeFolderDurably, syncFolder, writeFileDurably } from '../runtime/index.js';
import { agentFolder } from './options.js';

/**
 * The id of this host among all systems: that of the name in the settings, else one made once from the host's name and kept in the data folder.
 * It ends in six random letters, because two hosts called `laptop` must not write under one prefix; and it is kept, because a host that
 * is renamed stays the same system.
 */
export async function resolveSystemId(setting: string | undefined, dataDir: string): Promise<SystemId> {
  if (setting !== undefined) return escapeSystemId(setting);
  const known = await knownSystemId(undefined, dataDir);
  if (known !== null) return known;
  const file = fileOf(dataDir);
  await makeFolderDurably(agentFolder(dataDir));
  // By link, so that it is there whole or not at all, and of two processes that begin at once both read the first one's.
  const own = `${file}.${randomUUID()}`;
  try {
    await writeFileDurably(own, makeSystemId(hostname()));
    await link(own, file);
    await syncFolder(agentFolder(dataDir));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    await rm(own, { force: true });
  }
  return readFile(file, 'utf8');
}

/** As `resolveSystemId` would have it, and makes none: null where there is none yet. */
export async function knownSystemId(setting: string | undefined, dataDir: string): Promise<SystemId | null> {
  if (setting !== undefined) return escapeSystemId(setting);
  try {
    return await readFile(fileOf(dataDir), 'utf8');
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function fileOf(dataDir: string): string {
  return join(agentFolder(dataDir), 'system-id');
}

/** Longest part of a host's name that is kept: ids are limited to 100 characters. */
const LABEL_LENGTH = 60;

function makeSystemId(host: string): string {
  // No dashes at its beginning, where `x--` would say that it was escaped.
  const plain = host.replaceAll(/[^A-Za-z0-9_-]+/g, '-').replace(/^x-+/, 'x-');
  const label = plain.slice(0, LABEL_LENGTH) || 'host';
  return `${label}-${randomBytes(3).toString('hex')}`;
}
