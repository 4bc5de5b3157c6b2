import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { homedir, platform } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { AkoshaError, messageOf } from '../../contract/index.js';
import { replaceFile } from './replace-file.js';

/** What the service runs. */
export interface ServiceCommand {
  words: readonly string[];
  /** Variables that the agent's settings come from; secrets are not written into a service's file. */
  environment: Readonly<Record<string, string>>;
}

export interface ServiceManager {
  readonly name: 'systemd' | 'launchd';
  /** The service's file. */
  readonly file: string;
  render(command: ServiceCommand): string;
  /** Starts it, now and at every login. */
  readonly start: readonly (readonly string[])[];
  readonly stop: readonly (readonly string[])[];
}

const LABEL = 'io.akosha.agent';
const UNIT = 'akosha-agent.service';

/** Seconds between the end of an agent that failed and the next: long enough not to fill a log, short enough not to be noticed. */
const RESTART_SECONDS = 10;

/** Above the 25 s after which an agent stops waiting for what is under way (`shutdown_force_seconds`). */
const STOP_SECONDS = 30;

/** The user's own service manager. Raises `BadRequest` on a system that has neither. */
export function serviceManager(system = platform(), home = homedir()): ServiceManager {
  if (system === 'linux') return systemd(home);
  if (system === 'darwin') return launchd(home);
  throw new AkoshaError(
    'BadRequest',
    `there is no service manager for ${system}; run \`akosha agent\` as a service of your own`,
  );
}

/** Units are described in systemd.service(5), the quoting of words in systemd.syntax(7). */
function systemd(home: string): ServiceManager {
  const file = path.join(process.env['XDG_CONFIG_HOME'] ?? path.join(home, '.config'), 'systemd/user', UNIT);
  return {
    name: 'systemd',
    file,
    render: ({ words, environment }) =>
      [
        '[Unit]',
        'Description=Akosha agent: carries the memories of this host to object storage',
        '# It waits for the network by itself, and for the object store.',
        '',
        '[Service]',
        `ExecStart=${words.map((word) => systemdWord(word, true)).join(' ')}`,
        ...Object.entries(environment).map(
          ([name, value]) => `Environment=${systemdWord(`${name}=${value}`, false)}`,
        ),
        'Restart=on-failure',
        `RestartSec=${RESTART_SECONDS}`,
        `TimeoutStopSec=${STOP_SECONDS}`,
        '# The host has better things to do.',
        'Nice=10',
        '',
        '[Install]',
        'WantedBy=default.target',
        '',
      ].join('\n'),
    start: [
      ['systemctl', '--user', 'daemon-reload'],
      ['systemctl', '--user', 'enable', '--now', UNIT],
    ],
    stop: [['systemctl', '--user', 'disable', '--now', UNIT]],
  };
}

/** `%` begins a specifier everywhere; `$` a variable in a command line only. */
function systemdWord(word: string, commandLine: boolean): string {
  const escaped = word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%');
  return `"${commandLine ? escaped.replaceAll('$', '$$$$') : escaped}"`;
}

/** Property lists are described in launchd.plist(5). */
function launchd(home: string): ServiceManager {
  const file = path.join(home, 'Library/LaunchAgents', `${LABEL}.plist`);
  const domain = `gui/${process.getuid?.() ?? 0}`;
  return {
    name: 'launchd',
    file,
    render: ({ words, environment }) =>
      [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
        '<plist version="1.0"><dict>',
        `<key>Label</key><string>${LABEL}</string>`,
        `<key>ProgramArguments</key><array>${words.map((word) => `<string>${xml(word)}</string>`).join('')}</array>`,
        `<key>EnvironmentVariables</key><dict>${Object.entries(environment)
          .map(([name, value]) => `<key>${xml(name)}</key><string>${xml(value)}</string>`)
          .join('')}</dict>`,
        '<key>RunAtLoad</key><true/>',
        '<key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>',
        `<key>ThrottleInterval</key><integer>${RESTART_SECONDS}</integer>`,
        `<key>ExitTimeOut</key><integer>${STOP_SECONDS}</integer>`,
        '<key>ProcessType</key><string>Background</string>',
        '</dict></plist>',
        '',
      ].join('\n'),
    start: [['launchctl', 'bootstrap', domain, file]],
    stop: [['launchctl', 'bootout', `${domain}/${LABEL}`]],
  };
}

function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

export interface ServiceChange {
  manager: ServiceManager['name'];
  file: string;
  /** Whether the service manager took it; with `--no-start` it was not asked. */
  started: boolean;
}

/** Writes the service's file, and starts it unless told not to. Raises `ServerFailed` where the service manager refuses. */
export async function installService(
  manager: ServiceManager,
  command: ServiceCommand,
  start: boolean,
): Promise<ServiceChange> {
  await replaceFile(manager.file, manager.render(command), 0o644);
  // An older one of ours may run with other words.
  if (start) {
    await runAll(manager.stop).catch(() => undefined);
    await runAll(manager.start);
  }
  return { manager: manager.name, file: manager.file, started: start };
}

/** Stops the service and removes its file. What is not there is no error. */
export async function removeService(manager: ServiceManager): Promise<ServiceChange> {
  await runAll(manager.stop).catch(() => undefined);
  await rm(manager.file, { force: true });
  return { manager: manager.name, file: manager.file, started: false };
}

async function runAll(commands: readonly (readonly string[])[]): Promise<void> {
  for (const [program = '', ...args] of commands) {
    try {
      await promisify(execFile)(program, args);
    } catch (error) {
      throw new AkoshaError(
        'ServerFailed',
        `${[program, ...args].join(' ')} failed: ${messageOf(error).trim()}; the service's file is written, and --no-start leaves it at that`,
        { cause: error },
      );
    }
  }
}
