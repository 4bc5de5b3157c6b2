import { setTimeout as sleep } from 'node:timers/promises';
import { Option, type Command } from 'commander';
import { z } from 'zod';
import { AkoshaError, TABLE_TIERS } from '../../contract/index.js';
import { ApiClient } from '../api-client.js';
import { print, table, withJson } from '../output.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';

const Rows = z.number();
const Answer = z.looseObject({
  running: z.boolean(),
  damaged: z.array(z.looseObject({ tier: z.string(), since: z.string() })),
  tiers: z.array(
    z.looseObject({
      tier: z.string(),
      set_aside: z.looseObject({ reason: z.string(), file: z.string() }).nullable(),
      checked: Rows,
      lost: Rows,
      repaired: Rows,
      held: Rows,
    }),
  ),
  failure: z.string().nullable(),
});
type Answer = z.infer<typeof Answer>;

interface Options extends SettingOptions {
  tier?: string;
  status?: boolean;
  wait: boolean;
  json?: boolean;
}

/** What a look costs is an answer from memory. */
const LOOK_MS = 500;

const ROUTE = '/api/v1/repair';

export function define(command: Command): void {
  withJson(withSettings(command))
    .addOption(new Option('--tier <tier>', 'this tier alone').choices(TABLE_TIERS))
    .option('--status', 'only tell what is damaged, and how far a repair is')
    .option('--no-wait', 'return once it has begun')
    .addHelpText(
      'after',
      `
Reads the file of each tier from end to end; one that cannot be read is set aside and a new one begun. Then each memory whose row is not where it
should be comes back from the object in object storage that keeps it. The server answers and ingests meanwhile. What cold objects lack has to
be in object storage; a catalog that is lost comes back with \`akosha rebuild\`.

Exit code 1 where something could not be brought back, or no server answers.

Examples:
  akosha repair
  akosha repair --tier hot --json
  akosha repair --status`,
    )
    .action(run);
}

async function run({ tier, status, wait, json, ...options }: Options): Promise<void> {
  if (status === true && tier !== undefined)
    throw new AkoshaError('BadRequest', '--status goes without --tier: it tells of both');
  const api = await ApiClient.open(settingsOf(options));
  if (status === true) return print(await api.get(ROUTE, Answer), json, describe);
  const begun = await api.post(ROUTE, tier === undefined ? {} : { tier }, Answer);
  if (!wait) return print(begun, json, () => 'begun; `akosha repair --status` tells how far it is');
  const answer = await untilDone(api, begun);
  print(answer, json, describe);
  if (answer.failure !== null || answer.tiers.some(({ held }) => held > 0)) process.exitCode = 1;
}

/** Progress goes to stderr, so that --json stays one document. */
async function untilDone(api: ApiClient, begun: Answer): Promise<Answer> {
  let answer = begun;
  let told = '';
  while (answer.running) {
    await sleep(LOOK_MS);
    answer = await api.get(ROUTE, Answer);
    const now = answer.tiers
      .map((one) => `${one.tier}: ${one.checked} checked, ${one.repaired} back`)
      .join('; ');
    if (process.stderr.isTTY && now !== told) console.error(`akosha: ${now}`);
    told = now;
  }
  return answer;
}

function describe({ damaged, tiers, running, failure }: Answer): string {
  const lines = damaged.map(({ tier, since }) => `${tier}: damaged since ${since}`);
  for (const { tier, set_aside: aside } of tiers)
    if (aside !== null)
      lines.push(`${tier}: its file could not be read (${aside.reason}) and is now ${aside.file}`);
  if (tiers.length > 0) {
    const rows = tiers.map((one) => [one.tier, one.checked, one.lost, one.repaired, one.held].map(String));
    lines.push(table([['tier', 'checked', 'lost', 'brought back', 'held'], ...rows]));
  }
  if (running) lines.push('a repair is running');
  if (failure !== null) lines.push(`it ended early: ${failure}`);
  return lines.length === 0
    ? 'nothing is damaged, as far as is known; `akosha repair` looks'
    : lines.join('\n');
}
