import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { openClient } from './clients.js';
import { ApiClient } from './api-client.js';
import { confirm } from './confirm.js';
import { EXIT } from './errors.js';
import { count, print } from './output.js';
import { progressLine } from './progress-line.js';
import { describeMatched, Matched, selectionBody, type SelectionOptions } from './selection.js';
import { settingsOf, type SettingOptions } from './settings.js';
import type { Settings } from '../config/index.js';
import type { MoveMemoriesResult } from '../contract/index.js';

const Answer = z.object({
  dry_run: z.boolean(),
  matched: Matched,
  total: z.number(),
  workflow_id: z.string().nullable(),
  run_id: z.string().nullable(),
});

export interface MoveOptions extends SettingOptions, SelectionOptions {
  json?: boolean;
  to: string;
  wait?: boolean;
}

/** Has the server move what is meant: counts first, so that a person is asked before much is moved. */
export async function moveMemories(
  action: 'move' | 'thaw',
  memories: readonly string[],
  options: MoveOptions,
): Promise<void> {
  const { to, json, wait, yes, dryRun } = options;
  const body = { ...selectionBody(memories, options), to };
  const settings = settingsOf(options);
  const api = await ApiClient.open(settings);
  const route = `/api/v1/${action}`;
  const preview = await api.post(route, { ...body, dry_run: true }, Answer);
  if (dryRun === true)
    return print(preview, json, (answer) => `would ${action} to ${to}: ${describeMeant(answer)}`);
  await confirm(action, preview.total, yes);
  const begun = await api.post(route, body, Answer);
  const { workflow_id: workflowId, run_id: runId, total } = begun;
  if (wait !== true || workflowId === null || runId === null)
    return print(
      { ...begun, status: 'started' },
      json,
      () => `started ${workflowId ?? '-'}: ${describeMeant(begun)}`,
    );
  const result = await untilDone(settings, { workflowId, runId, total, quiet: json === true });
  // As much as was asked for was not done.
  if (result.paused === true) process.exitCode = EXIT.failed;
  print({ ...begun, status: result.paused === true ? 'paused' : 'done', ...result }, json, (answer) =>
    describeResult(action, to, answer),
  );
}

function describeMeant({ matched, total }: z.infer<typeof Answer>): string {
  return `${count(total, 'memory', 'memories')} of ${describeMatched(matched)}`;
}

function describeResult(
  action: string,
  to: string,
  { moved, left, held, paused }: MoveMemoriesResult,
): string {
  const rest =
    left === 0 ? '' : `; left ${left} (pinned, changed meanwhile, or in another batch; failed ${held})`;
  const stopped = paused === true ? '; moving is paused (`akosha tiers resume`), and it stopped' : '';
  return `${action === 'move' ? 'moved' : 'thawed'} to ${to}: ${moved}${rest}${stopped}`;
}

/** For the eye: each look asks the worker. */
const LOOK_MS = 1_000;

async function untilDone(
  settings: Settings,
  { workflowId, runId, total, quiet }: { workflowId: string; runId: string; total: number; quiet: boolean },
): Promise<MoveMemoriesResult> {
  const client = await openClient(settings);
  const line = progressLine(quiet ? undefined : process.stderr);
  const run = client.movedMemories(workflowId, runId);
  const over = new AbortController();
  const show = async (): Promise<void> => {
    while (line.isShown && !over.signal.aborted) {
      await sleep(LOOK_MS, undefined, { signal: over.signal }).catch(() => undefined);
      // That it cannot be told now says nothing of the work.
      const progress = await client.progress(workflowId).catch(() => undefined);
      if (progress !== undefined) line.show(`${progress.done} of ${total} moved`);
    }
  };
  const shown = show();
  try {
    return await run.result();
  } finally {
    over.abort();
    await shown;
    line.clear();
    await client.close();
  }
}
