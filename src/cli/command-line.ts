import { fileURLToPath } from 'node:url';

/**
 * The program as scripts/bundle-command.mjs makes it, whichever way this process was started: the bundle stands beside this file's compiled
 * form, so what is bundled finds itself by the same name.
 */
const PROGRAM = fileURLToPath(new URL('./akosha.cjs', import.meta.url));

/** The words that start `akosha` on this machine, independent of a PATH: Node.js and the program by their full paths. */
export function akoshaWords(...args: string[]): string[] {
  return [process.execPath, PROGRAM, ...args];
}

/** For a shell. Claude Code gives a hook's command to `sh -c`. */
export function shellCommand(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ');
}
