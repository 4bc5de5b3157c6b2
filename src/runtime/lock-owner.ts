import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning, type ProcessRef } from './process.js';

/** Who holds a lock file, from its text: pid and start time on the first line. The start time may hold spaces. */
export function ownerOf(lock: string): ProcessRef | undefined {
  const [, pid, startedAt] = /^(\d+) (.+)$/m.exec(lock) ?? [];
  return pid === undefined || startedAt === undefined ? undefined : { pid: Number(pid), startedAt };
}

/** Whether a living process holds the lock. Synchronous and loads nothing else, for callers that count milliseconds. */
export function isLocked(file: string): boolean {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return false;
  }
  const owner = ownerOf(text);
  return owner !== undefined && isRunning(owner);
}

/** Held by the agent of a data folder, for as long as it runs, alone or within `akosha up`. */
export function agentLockFile(dataDir: string): string {
  return join(dataDir, 'run', 'agent.lock');
}

/** Held by an agent that a session's end started, which makes way for the other kind. */
export function detachedAgentLockFile(dataDir: string): string {
  return join(dataDir, 'run', 'detached-agent.lock');
}

/** Whether somebody takes care of this data folder's outbox. */
export function agentRuns(dataDir: string): boolean {
  return isLocked(agentLockFile(dataDir)) || isLocked(detachedAgentLockFile(dataDir));
}
