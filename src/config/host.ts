import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What the defaults depend on; a value of its own so that a test can be another machine. */
export interface Host {
  env: Environment;
  cwd: string;
  home: string;
  /** IANA name. */
  timeZone: string;
  /** Whether stderr, where the log goes, is read by a person. */
  terminal: boolean;
}

export function hostOf(env: Environment, cwd: string): Host {
  return {
    env,
    cwd,
    home: given(env['HOME']) ?? homedir(),
    timeZone: new Intl.DateTimeFormat().resolvedOptions().timeZone,
    terminal: process.stderr.isTTY === true,
  };
}

/** An empty variable counts as absent: that is what `NAME: ${NAME:-}` in a Compose file gives for an unset one. */
export function given(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : value;
}

/** `$XDG_DATA_HOME/akosha`, by default `~/.local/share/akosha`. */
export function dataHome(host: Host): string {
  return join(xdg(host, 'XDG_DATA_HOME', '.local/share'), 'akosha');
}

/** `$XDG_CONFIG_HOME/akosha`, by default `~/.config/akosha`; or another program's. */
export function configHome(host: Host, program = 'akosha'): string {
  return join(xdg(host, 'XDG_CONFIG_HOME', '.config'), program);
}

/** The XDG specification has a relative path ignored. */
function xdg(host: Host, variable: string, fallback: string): string {
  const path = given(host.env[variable]);
  return path !== undefined && isAbsolute(path) ? path : join(host.home, fallback);
}

/** `~` and `~/…` stand for the home folder; a relative path starts at `base`. */
export function absolutePath(path: string, base: string, home: string): string {
  if (path === '~') return home;
  return path.startsWith('~/') ? join(home, path.slice(2)) : resolve(base, path);
}
