import type { Command } from 'commander';
import { readSettings } from '../../config/index.js';
import { print, withJson } from '../output.js';
import { endSession, type SessionEnd } from '../session-end.js';
import { withSettings, type SettingOptions } from '../settings.js';

export function define(command: Command): void {
  withJson(withSettings(command))
    .addHelpText(
      'after',
      `
Notes in the outbox that a session has ended, and returns at once; the agent uploads this host's memories. Where no agent runs one is started,
which ends when there is nothing left to do. With upload_on_session_end off it does nothing.

With --data-dir first, and both paths absolute, it is quickest: that is how the hook calls it.

Examples:
  akosha session-end
  akosha session-end --data-dir ~/.local/share/akosha --config ~/.config/akosha/config.yaml`,
    )
    .action(run);
}

interface Options extends SettingOptions {
  json?: boolean;
}

interface Answer extends Omit<SessionEnd, 'agent' | 'request_id'> {
  request_id: number | null;
  agent: SessionEnd['agent'] | 'off';
}

function run({ config, dataDir, json }: Options): void {
  const { settings, file } = readSettings({
    ...(config === undefined ? {} : { configPath: config }),
    ...(dataDir === undefined ? {} : { overrides: { dataDir } }),
  });
  const answer: Answer = settings.uploadOnSessionEnd
    ? // A file that was found beside the work is this call's only: the agent outlives it, and serves every session.
      endSession({ dataDir: settings.dataDir, config: config === undefined ? undefined : file })
    : { request_id: null, agent: 'off' };
  print(answer, json, render);
}

function render({ agent }: Answer): string {
  if (agent === 'off') return 'nothing noted: upload_on_session_end is off';
  return `noted in the outbox; the agent ${agent === 'running' ? 'runs' : 'was started'}`;
}
