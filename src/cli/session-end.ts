import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { agentRuns } from '../runtime/lock-owner.js';
import { writeRequest } from '../upload/outbox/request-row.js';
import { akoshaWords } from './command-line.js';

/**
 * The end of a session: a row in the outbox, and an agent that takes care of it. An agent's user waits for this, so it loads SQLite and
 * nothing else: neither the command parser nor the settings, which cost twice what the work does.
 */
export interface SessionEnd {
  request_id: number;
  agent: 'running' | 'started';
}

export interface SessionEndOptions {
  /** Absolute. */
  dataDir: string;
  /** The settings file that the agent is to read; absent, it looks for the user's own. */
  config?: string | undefined;
}

/** The row is on disk when this returns. */
export function endSession(options: SessionEndOptions): SessionEnd {
  const requestId = writeRequest(options.dataDir, { trigger: 'session-end' });
  if (agentRuns(options.dataDir)) return { request_id: requestId, agent: 'running' };
  startDetachedAgent(options);
  return { request_id: requestId, agent: 'started' };
}

/**
 * Of several started at once all but one find the lock taken and end. It starts in the data folder, never in the session's: a settings file
 * that lies in somebody's project must not say where this host's memories go.
 */
function startDetachedAgent({ dataDir, config }: SessionEndOptions): void {
  mkdirSync(path.join(dataDir, 'agent'), { recursive: true, mode: 0o700 });
  const log = openSync(path.join(dataDir, 'agent', 'agent.log'), 'a', 0o600);
  const [program = process.execPath, ...words] = akoshaWords('agent', '--detached', '--data-dir', dataDir);
  const args = config === undefined ? words : [...words, '--config', config];
  spawn(program, args, { cwd: dataDir, detached: true, stdio: ['ignore', log, log] }).unref();
  closeSync(log);
}

/**
 * The call of the installed hook: `--data-dir` with an absolute path, perhaps `--config` with another. Returns false for any other call, which
 * the command parser then reads. Says nothing, since nobody reads it; a failure goes to stderr with exit code 1.
 */
export function endSessionQuickly(args: readonly string[]): boolean {
  const call = parseQuickCall(args);
  if (call === undefined) return false;
  try {
    if (!isSwitchedOff(process.env)) endSession(call);
    // The row is on disk and nothing is said: what Node.js tidies up at a natural end costs 2 ms and helps nobody.
    process.exit();
  } catch (error) {
    console.error(`akosha: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
  return true;
}

function parseQuickCall(args: readonly string[]): SessionEndOptions | undefined {
  const [flag, dataDir, configFlag, config, ...rest] = args;
  if (flag !== '--data-dir' || dataDir === undefined || !path.isAbsolute(dataDir) || rest.length > 0) {
    return undefined;
  }
  if (configFlag === undefined) return { dataDir };
  return configFlag === '--config' && config !== undefined && path.isAbsolute(config)
    ? { dataDir, config }
    : undefined;
}

/** As `akosha session-end` reads it; the settings' own parser is one of the things that are not loaded. */
function isSwitchedOff(environment: NodeJS.ProcessEnv): boolean {
  return /^(false|0|no|off)$/i.test(environment['AKOSHA_UPLOAD_ON_SESSION_END']?.trim() ?? '');
}
