import type { Command } from 'commander';
import { ulid } from 'ulid';
import type { AkoshaClient } from '../../client/index.js';
import { clockFrom, type Settings } from '../../config/index.js';
import { AkoshaError, messageOf, type RowCounts } from '../../contract/index.js';
import { broughtNothing, type Receipt } from '../../memory/index.js';
import { findRunning } from '../../runtime/index.js';
import { syncDirectly, waitForReceipt } from '../../upload/index.js';
import { openAgentParts, useLocalS3Credentials, type AgentParts } from '../../processes/host.js';
import { tryOpenClient } from '../clients.js';
import { EXIT } from '../errors.js';
import { bytes, count, positiveNumber, print, withJson } from '../output.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';

interface Options extends SettingOptions {
  json?: boolean;
  wait?: boolean;
  direct?: boolean;
  timeout: number;
}

interface Delivered {
  uploadId: string;
  files: string[];
  bytes: number;
}

interface Answer {
  method: 'cloud';
  success: boolean;
  upload_id: string | null;
  status: 'requested' | 'uploaded' | 'ingested' | 'unchanged' | 'quarantined' | 'failed';
  files_uploaded: string[];
  bytes_transferred: number;
  duration_seconds: number;
  error: string | null;
  rows: RowCounts | null;
}

export function define(command: Command): void {
  withJson(withSettings(command))
    .option('--wait', 'wait for the receipt that says what became of the upload')
    .option('--direct', 'upload from this process, without Temporal and the agent')
    .option('--timeout <seconds>', 'how long to wait', positiveNumber, 300)
    .addHelpText(
      'after',
      `
Uploads a snapshot of this host's databases (AKOSHA_DATABASES). With Temporal at hand the agent does it, retried until it is
done; without, this process does it, and the server finds the upload in its inbox.

Examples:
  akosha sync
  akosha sync --wait --json`,
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  const started = performance.now();
  const settings = await runningSettings(settingsOf(options));
  const parts = await openAgentParts(settings, clockFrom(settings));
  let answer: Answer;
  try {
    answer = await sync(settings, parts, options);
  } catch (error) {
    answer = { ...EMPTY, success: false, status: 'failed', error: messageOf(error) };
    process.exitCode = EXIT.failed;
  } finally {
    await parts.close();
  }
  if (!answer.success) process.exitCode = EXIT.failed;
  print({ ...answer, duration_seconds: (performance.now() - started) / 1000 }, options.json, render);
}

const EMPTY: Answer = {
  method: 'cloud',
  success: true,
  upload_id: null,
  status: 'requested',
  files_uploaded: [],
  bytes_transferred: 0,
  duration_seconds: 0,
  error: null,
  rows: null,
};

/** The object store of the program that runs on this data folder may be one that it started itself. */
async function runningSettings(settings: Settings): Promise<Settings> {
  await useLocalS3Credentials(settings.dataDir);
  const running = await findRunning(settings.dataDir);
  if (running === undefined) return settings;
  return {
    ...settings,
    objectStore: running.object_store,
    systemId: settings.systemId ?? running.system_id ?? undefined,
  };
}

async function sync(settings: Settings, parts: AgentParts, options: Options): Promise<Answer> {
  const client = options.direct === true ? undefined : await tryOpenClient(settings);
  try {
    if (client !== undefined && options.wait !== true) {
      await requireAgent(client, parts.host.systemId);
      await client.requestSync(parts.host.systemId);
      return EMPTY;
    }
    const delivered =
      client === undefined ? await deliverHere(parts) : await deliverByAgent(client, parts.host.systemId);
    const answer: Answer = {
      ...EMPTY,
      upload_id: delivered.uploadId,
      status: 'uploaded',
      files_uploaded: delivered.files,
      bytes_transferred: delivered.bytes,
    };
    return options.wait === true ? await withReceipt(answer, parts, delivered, options.timeout) : answer;
  } finally {
    await client?.close();
  }
}

async function deliverByAgent(client: AkoshaClient, systemId: string): Promise<Delivered> {
  await requireAgent(client, systemId);
  const handle = await client.requestSync(systemId);
  const { uploadId, filesUploaded, bytesTransferred } = await handle.result();
  return { uploadId, files: filesUploaded, bytes: bytesTransferred };
}

/** Without an agent the workflow would wait for one in silence. */
async function requireAgent(client: AkoshaClient, systemId: string): Promise<void> {
  if (await client.agentIsPolling(systemId)) return;
  throw new AkoshaError(
    'OrchestratorUnavailable',
    `no agent of system ${systemId} is at work: start \`akosha agent\` on this host, or use --direct`,
  );
}

async function deliverHere({ host }: AgentParts): Promise<Delivered> {
  const { upload, filesUploaded, bytesTransferred } = await syncDirectly(host, { uploadId: ulid() });
  return { uploadId: upload.uploadId, files: filesUploaded, bytes: bytesTransferred };
}

async function withReceipt(
  answer: Answer,
  { host }: AgentParts,
  { uploadId }: Delivered,
  seconds: number,
): Promise<Answer> {
  const ref = { systemId: host.systemId, uploadId };
  const receipt = await waitForReceipt(host.uploads, ref, { timeoutMs: seconds * 1000 });
  if (receipt === undefined) {
    return {
      ...answer,
      success: false,
      error: `no receipt after ${seconds} s: is a server running? (--timeout)`,
    };
  }
  return { ...answer, ...outcomeOf(receipt) };
}

function outcomeOf({ status, rows, reason }: Receipt): Pick<Answer, 'success' | 'status' | 'error' | 'rows'> {
  if (status === 'quarantined') return { success: false, status, error: reason, rows };
  return { success: true, status: broughtNothing(rows) ? 'unchanged' : 'ingested', error: null, rows };
}

function render({
  status,
  upload_id: uploadId,
  files_uploaded: files,
  bytes_transferred: size,
  rows,
  error,
}: Answer): string {
  if (error !== null) return `${status}: ${error}`;
  if (uploadId === null) return 'sync requested';
  const sent = `upload ${uploadId}: ${count(files.length, 'file')}, ${bytes(size)}`;
  if (rows === null) return `${sent}, ${status}`;
  return `${sent}, ${status}: ${rows.new} new, ${rows.changed} changed, ${rows.unchanged} unchanged, ${rows.absent} absent`;
}
