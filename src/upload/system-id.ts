import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { agentFolder } from './host.js';

/**
 * The name of this host among all systems: the setting, else one made once from the host's name and kept in the data folder.
 * It ends in six random letters, because two hosts called `laptop` must not write under one prefix; and it is kept, because a host that
 * is renamed stays the same system.
 */
export async function resolveSystemId(setting: string | undefined, dataDir: string): Promise<string> {
  if (setting !== undefined) return setting;
  const file = join(agentFolder(dataDir), 'system-id');
  await mkdir(agentFolder(dataDir), { recursive: true });
  try {
    const handle = await open(file, 'wx');
    try {
      await handle.writeFile(makeSystemId(hostname()));
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    // Made before, or by another process a moment ago.
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  return readFile(file, 'utf8');
}

/** Longest part of a host's name that is kept: ids are limited to 100 characters. */
const LABEL_LENGTH = 60;

function makeSystemId(host: string): string {
  const label = host.replaceAll(/[^A-Za-z0-9_-]+/g, '-').slice(0, LABEL_LENGTH) || 'host';
  return `${label}-${randomBytes(3).toString('hex')}`;
}
