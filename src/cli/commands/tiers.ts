import type { Command } from 'commander';
import { z } from 'zod';
import { AkoshaError, KINDS, TIERS } from '../../contract/index.js';
import { ApiClient } from '../api-client.js';
import { openClient } from '../clients.js';
import { bytes, print, table, withJson } from '../output.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';

const Tier = z.looseObject({
  rows: z.number(),
  bytes: z.number(),
  kinds: z.record(z.enum(KINDS), z.number()),
});
const Answer = z.object({ tiers: z.record(z.enum(TIERS), Tier) });

interface Options extends SettingOptions {
  json?: boolean;
}

interface RunOptions extends Options {
  asOf?: string;
  wait?: boolean;
}

export function define(command: Command): void {
  withJson(withSettings(command)).addHelpText(
    'after',
    `
Size is what a tier takes: of hot and warm their database files, which take some kilobytes where they are empty and keep what deleted rows
freed for new ones; of cold its objects.

Examples:
  akosha tiers                                     what each tier holds
  akosha tiers run --wait                          move everything that is due, now
  akosha tiers run --as-of 2027-01-01T00:00:00Z --wait --json`,
  );
  command.action(show);
  withJson(withSettings(command.command('run').description('move everything that is due to its tier')))
    .option('--as-of <time>', 'as if it were this time (ISO 8601) instead of the clock setting')
    .option('--wait', 'return when it is done')
    .addHelpText('after', '\nExample:\n  akosha tiers run --as-of 2027-01-01T00:00:00Z --wait --json')
    .action((options: RunOptions, run: Command) => age({ ...run.optsWithGlobals<RunOptions>(), ...options }));
}

async function show(options: Options): Promise<void> {
  const answer = await (await ApiClient.open(settingsOf(options))).get('/api/v1/tiers', Answer);
  print(answer, options.json, ({ tiers }) =>
    table([
      ['tier', 'rows', 'size', ...KINDS],
      ...TIERS.map((tier) => {
        const { rows, bytes: size, kinds } = tiers[tier];
        return [tier, String(rows), bytes(size), ...KINDS.map((kind) => String(kinds[kind]))];
      }),
    ]),
  );
}

async function age({ asOf, wait, json, ...options }: RunOptions): Promise<void> {
  const client = await openClient(settingsOf(options));
  try {
    const run = await client.runTierTransition({
      all: true,
      ...(asOf === undefined ? {} : { asOf: instant(asOf) }),
    });
    if (wait !== true) {
      print(
        { workflow_id: run.workflowId, status: 'started' },
        json,
        (answer) => `started ${answer.workflow_id}`,
      );
      return;
    }
    const result = await run.result();
    const answer = {
      workflow_id: run.workflowId,
      status: 'done',
      as_of: result.asOf,
      rows_moved: result.toWarm + result.toCold,
      moved: { hot_to_warm: result.toWarm, warm_to_cold: result.toCold },
      swept: { rows: result.sweptRows, tables: result.sweptTables, objects: result.sweptObjects },
    };
    print(
      answer,
      json,
      ({ moved }) =>
        `moved ${moved.hot_to_warm} rows from hot to warm and ${moved.warm_to_cold} from warm to cold`,
    );
  } finally {
    await client.close();
  }
}

function instant(text: string): string {
  const time = z.iso.datetime({ offset: true }).or(z.iso.date()).safeParse(text);
  if (time.success) return new Date(text).toISOString();
  throw new AkoshaError(
    'BadRequest',
    `--as-of ${text}: must be an ISO 8601 time such as 2026-11-22T12:00:00Z`,
  );
}
