import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { AkoshaError } from '../../contract/index.js';
import { ApiClient } from '../api-client.js';
import { count, print, withJson } from '../output.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';

const Waiting = { model: z.string(), rows_waiting: z.number(), failure: z.string().nullable() };
const Answer = z.looseObject({
  ...Waiting,
  enabled: z.boolean(),
  move: z.looseObject({ ...Waiting, since: z.string(), rows: z.number() }).nullable(),
});
type Answer = z.infer<typeof Answer>;

interface Options extends SettingOptions {
  model?: string;
  status?: boolean;
  wait?: boolean;
  json?: boolean;
}

/** A look costs the server a count of what waits. */
const LOOK_MS = 1_000;

const ROUTE = '/api/v1/reembed';

export function define(command: Command): void {
  withJson(withSettings(command))
    .option('--model <name>', 'the model to move to; by default that of the setting embedding_model')
    .option('--status', 'only tell how far it is')
    .option('--wait', 'return when it is done')
    .addHelpText(
      'after',
      `
The server makes the new vectors in the background and goes on after a restart. Until it is done searches go by the model of before. To name the
model of before gives the move up. The new model's files must be on the server, in a folder of its name in models_dir.

Exit code 2 where the model is not there; 1 where no server answers, or where --wait sees the move given up.

Examples:
  akosha reembed --model gte-small --wait
  akosha reembed --status --json`,
    )
    .action(run);
}

async function run({ model, status, wait, json, ...options }: Options): Promise<void> {
  if (status === true && (model !== undefined || wait === true))
    throw new AkoshaError('BadRequest', '--status goes with neither --model nor --wait');
  const api = await ApiClient.open(settingsOf(options));
  if (status === true) return print(await api.get(ROUTE, Answer), json, describe);
  const begun = await api.post(ROUTE, model === undefined ? {} : { model }, Answer);
  const answer = wait === true ? await untilDone(api, begun) : begun;
  print(answer, json, describe);
}

/** Tells each reason for a delay once, on stderr. */
async function untilDone(api: ApiClient, begun: Answer): Promise<Answer> {
  const wanted = begun.move?.model ?? begun.model;
  let told: string | null = null;
  let answer = begun;
  while (answer.move !== null) {
    const { failure } = answer.move;
    if (failure !== null && failure !== told) console.error(`akosha: some memories wait: ${failure}`);
    told = failure;
    await sleep(LOOK_MS);
    answer = await api.get(ROUTE, Answer);
  }
  if (answer.model === wanted) return answer;
  throw new AkoshaError(
    'Cancelled',
    `the move to ${wanted} was given up; searches go by ${answer.model} as before`,
  );
}

function describe({ enabled, model, rows_waiting: waiting, failure, move }: Answer): string {
  const current = `searches go by ${model}; ${count(waiting, 'memory', 'memories')} without a vector of it`;
  if (!enabled) return `${current}; embeddings are off`;
  const lines = [failure === null ? current : `${current}: ${failure}`];
  if (move !== null) {
    const left = `${count(move.rows_waiting, 'memory', 'memories')} of ${move.rows} left`;
    const why = move.failure === null ? '' : `: ${move.failure}`;
    lines.push(`being moved to ${move.model} since ${move.since}; ${left}${why}`);
  }
  return lines.join('\n');
}
