import type { Command } from 'commander';
import { withTraces } from '../command-traces.js';
import { EXIT } from '../errors.js';
import { bytes, count, positiveNumber, print, withJson } from '../output.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';
import { requestSync, type SyncAnswer } from '../sync-request.js';

interface Options extends SettingOptions {
  json?: boolean;
  wait?: boolean;
  direct?: boolean;
  timeout: number;
}

export function define(command: Command): void {
  withJson(withSettings(command))
    .option('--wait', 'wait for the receipt that says what became of the upload')
    .option('--direct', 'upload from this process, also where an agent runs')
    .option('--timeout <seconds>', 'how long to wait', positiveNumber, 300)
    .addHelpText(
      'after',
      `
Asks for an upload of this host's databases (AKOSHA_DATABASES). The request is on disk before anything else happens, so it is answered whatever comes:
by the agent where one runs, else by this process; what fails waits in the outbox for the next try (\`akosha status\`).

Examples:
  akosha sync
  akosha sync --wait --json`,
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  const settings = settingsOf(options);
  const answer = await withTraces(settings, () =>
    requestSync(
      settings,
      { trigger: 'sync' },
      {
        wait: options.wait === true ? 'receipt' : 'no',
        direct: options.direct === true,
        timeoutSeconds: options.timeout,
        progress: options.json === true ? undefined : process.stderr,
      },
    ),
  );
  if (!answer.success) process.exitCode = EXIT.failed;
  print(answer, options.json, render);
}

function render({
  status,
  upload_id: uploadId,
  files_uploaded: files,
  bytes_transferred: size,
  rows,
  error,
  reason,
}: SyncAnswer): string {
  if (error !== null) return `${status}: ${error}`;
  if (uploadId === null) return 'sync requested';
  const sent = `upload ${uploadId}: ${count(files.length, 'file')}, ${bytes(size)}`;
  if (rows === null) return `${sent}, ${status}${reason === null ? '' : ` (${reason})`}`;
  return `${sent}, ${status}: ${rows.new} new, ${rows.changed} changed, ${rows.unchanged} unchanged, ${rows.absent} absent, ${rows.deleted} deleted`;
}
