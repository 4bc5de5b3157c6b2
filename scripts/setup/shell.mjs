import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A failure a person can act on: printed as its message alone. */
export class SetupError extends Error {}

/**
 * Runs a program, by default in the checkout, and returns what it printed. Its output is shown only where it fails, in the error.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {{env?: Record<string, string>, cwd?: string}} [options]
 */
export async function run(program, args, { env = {}, cwd = ROOT } = {}) {
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (output += text));
  const code = await new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new SetupError(`${program} cannot be run: ${error.message}`)));
    child.once('close', resolve);
  });
  if (code !== 0) throw new SetupError(`"${[program, ...args].join(' ')}" failed:\n${output.trim()}`);
  return output;
}
