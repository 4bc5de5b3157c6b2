import { homedir } from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { readSettings } from '../../config/index.js';
import { AkoshaError } from '../../contract/index.js';
import {
  findHook,
  installHook,
  removeHook,
  type HookChange,
  type HookState,
} from '../install/claude-hook.js';
import { akoshaWords, shellCommand } from '../command-line.js';
import { print, withJson } from '../output.js';
import { withSettings, type SettingOptions } from '../settings.js';

interface Options extends SettingOptions {
  json?: boolean;
  settings?: string;
}

export function define(command: Command): void {
  command.addHelpText(
    'after',
    `
Claude Code then runs \`akosha session-end\` whenever a session ends. Only that one entry of its settings file is added or taken out.

Examples:
  akosha hooks install
  akosha hooks install --settings ./.claude/settings.local.json
  akosha hooks remove`,
  );
  sub(command, 'install', 'have Claude Code upload memories when a session ends').action(install);
  sub(command, 'remove', 'take the hook out again').action(remove);
  sub(command, 'status', 'whether the hook is installed').action(status);
}

function sub(command: Command, name: string, summary: string): Command {
  return withJson(withSettings(command.command(name).description(summary))).option(
    '--settings <file>',
    "Claude Code's settings file (default: settings.json in CLAUDE_CONFIG_DIR or ~/.claude)",
  );
}

async function install(options: Options): Promise<void> {
  const { settings, file } = readSettings({
    ...(options.config === undefined ? {} : { configPath: options.config }),
    ...(options.dataDir === undefined ? {} : { overrides: { dataDir: options.dataDir } }),
  });
  if (!settings.uploadOnSessionEnd) {
    throw new AkoshaError(
      'SettingsInvalid',
      'upload_on_session_end is off, so the hook would do nothing; set it to true (AKOSHA_UPLOAD_ON_SESSION_END)',
    );
  }
  const words = [
    'session-end',
    '--data-dir',
    settings.dataDir,
    ...(file === undefined ? [] : ['--config', file]),
  ];
  const change = await installHook(settingsFile(options), shellCommand(akoshaWords(...words)));
  print(change, options.json, renderInstalled);
}

async function remove(options: Options): Promise<void> {
  print(await removeHook(settingsFile(options)), options.json, renderRemoved);
}

async function status(options: Options): Promise<void> {
  print(await findHook(settingsFile(options)), options.json, renderState);
}

/** Where Claude Code keeps the user's own settings. */
function settingsFile({ settings }: Options): string {
  if (settings !== undefined) return path.resolve(settings);
  return path.join(process.env['CLAUDE_CONFIG_DIR'] ?? path.join(homedir(), '.claude'), 'settings.json');
}

function renderInstalled({ file, command, changed }: HookChange): string {
  return `${changed ? 'installed in' : 'was installed already in'} ${file}: ${command ?? ''}`;
}

function renderRemoved({ file, changed }: HookChange): string {
  return changed ? `taken out of ${file}` : `${file} has no hook of akosha's`;
}

function renderState({ file, command }: HookState): string {
  return command === null ? `not installed in ${file}` : `installed in ${file}: ${command}`;
}
