import type { Command } from 'commander';
import type { Settings } from '../../config/index.js';
import { AkoshaError } from '../../contract/index.js';
import { createLog, installTemporalRuntime } from '../../telemetry/index.js';
import { replayHistory } from '../../workers/replay.js';
import { openClient } from '../clients.js';
import { EXIT, reportError } from '../errors.js';
import { count, print, table, withJson } from '../output.js';
import { fetchHistory, readHistoryFile, type RecordedRun } from '../replay/history.js';
import { describeReplay, type ReplayAnswer } from '../replay/replay-run.js';
import type { Step } from '../replay/steps.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';

interface Options extends SettingOptions {
  workflowId?: string;
  runId?: string;
  history?: string;
  json?: boolean;
}

export function define(command: Command): void {
  withJson(withSettings(command))
    .option('--workflow-id <id>', 'a workflow that Temporal knows, running or ended')
    .option('--run-id <id>', 'which of its runs; by default the last')
    .option('--history <file>', 'a history that was saved as JSON')
    .addHelpText(
      'after',
      `
Tells what the workflow did, and whether the workflows of this program would do the same. Arguments, results and times are not
compared: Temporal replays so. Nothing is changed anywhere.

Exit codes: 0 it replays, 1 it diverges, 2 there is nothing to replay (no such workflow, no readable file, Temporal away).

Examples:
  akosha replay --workflow-id ingest/laptop-1
  temporal workflow show --workflow-id ingest/laptop-1 --output json > history.json && akosha replay --history history.json`,
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  try {
    const recorded = await openRun(options);
    // The core reports each replay that fails to the log as well; the answer says it.
    const log = createLog({ level: 'silent', format: 'json' });
    await installTemporalRuntime({ log });
    const answer = describeReplay(recorded, await replayHistory(recorded));
    print(answer, options.json, render);
    process.exitCode = answer.replays ? EXIT.done : EXIT.failed;
  } catch (error) {
    // 1 is for a divergence alone, so that a script can tell it from everything that kept it from being looked for.
    reportError(error, { json: options.json === true });
    process.exitCode = EXIT.usage;
  }
}

async function openRun({ workflowId, runId, history, ...options }: Options): Promise<RecordedRun> {
  if (
    (workflowId === undefined) === (history === undefined) ||
    (runId !== undefined && history !== undefined)
  ) {
    throw new AkoshaError('BadRequest', 'name either --workflow-id, with --run-id if you like, or --history');
  }
  return history !== undefined
    ? readHistoryFile(history)
    : fetchFrom(settingsOf(options), workflowId ?? '', runId);
}

async function fetchFrom(settings: Settings, workflowId: string, runId?: string): Promise<RecordedRun> {
  const client = await openClient(settings);
  try {
    return await fetchHistory(client, workflowId, runId);
  } finally {
    await client.close();
  }
}

function render(answer: ReplayAnswer): string {
  const { workflow_type, workflow_id, run_id, events, divergence, steps } = answer;
  const run = run_id === null ? '' : `, run ${run_id}`;
  const verdict =
    divergence === null
      ? ['It replays on this program.']
      : [
          `It diverges at event ${divergence.event}:`,
          `  expected  ${divergence.expected}`,
          `  got       ${divergence.got}`,
          ...(divergence.got === divergence.message ? [] : [`  (${divergence.message})`]),
        ];
  return [
    `${workflow_type} ${workflow_id}${run}: ${count(events, 'event')}`,
    '',
    table([['event', 'time', 'step', 'name', 'took', 'tries', 'outcome'], ...steps.map(cells)]),
    '',
    ...verdict,
  ].join('\n');
}

function cells({ event, at, step, name, took_ms, attempts, outcome }: Step): string[] {
  return [
    String(event),
    at,
    step,
    name,
    took_ms === null ? '' : duration(took_ms),
    attempts === null ? '' : String(attempts),
    outcome,
  ];
}

function duration(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
