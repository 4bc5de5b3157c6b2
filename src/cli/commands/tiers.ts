import type { Command } from 'commander';
import { z } from 'zod';
import { AkoshaError, KINDS, TIERS } from '../../contract/index.js';
import { ApiClient } from '../api-client.js';
import { openClient } from '../clients.js';
import { EXIT } from '../errors.js';
import { bytes, positiveNumber, print, table, withJson } from '../output.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';
import { describeForecast, describeReport, Forecast, Report } from '../tier-reports.js';

const Tier = z.looseObject({
  rows: z.number(),
  bytes: z.number(),
  used_bytes: z.number(),
  bytes_per_memory: z.number().nullable(),
  kinds: z.record(z.enum(KINDS), z.number()),
});
const Pause = z.object({ since: z.string(), reason: z.string() });
const Answer = z.object({ tiers: z.record(z.enum(TIERS), Tier), paused: Pause.nullable() });

interface Options extends SettingOptions {
  json?: boolean;
}

interface RunOptions extends Options {
  asOf?: string;
  wait?: boolean;
  dryRun?: boolean;
}

interface PauseOptions extends Options {
  reason: string;
}

interface ReportOptions extends Options {
  last: number;
}

export function define(command: Command): void {
  withJson(withSettings(command)).addHelpText(
    'after',
    `
Size is what a tier takes: of hot and warm their database files, which take some kilobytes where they are empty and keep what deleted rows
freed for new ones; of cold its objects. Used is what rows take of it, in blocks of 256 KiB, and "a memory" that by rows.

Examples:
  akosha tiers                                     what each tier holds
  akosha tiers run --dry-run                       what would move, by tier, system and month
  akosha tiers run --wait                          move everything that is due, now
  akosha tiers pause --reason "disk is replaced"   move and sweep nothing, until resumed
  akosha tiers report                              what the last transition did
  akosha tiers run --as-of 2027-01-01T00:00:00Z --wait --json`,
  );
  command.action(show);
  withJson(withSettings(command.command('run').description('move everything that is due to its tier')))
    .option('--as-of <time>', 'as if it were this time (ISO 8601) instead of the clock setting')
    .option('--wait', 'return when it is done')
    .option('--dry-run', 'tell what would move, and change nothing')
    .addHelpText(
      'after',
      `
Examples:
  akosha tiers run --dry-run --as-of 2027-01-01T00:00:00Z
  akosha tiers run --as-of 2027-01-01T00:00:00Z --wait --json`,
    )
    .action((options: RunOptions, self: Command) => {
      const merged = { ...self.optsWithGlobals<RunOptions>(), ...options };
      return merged.dryRun === true ? forecast(merged) : age(merged);
    });
  withJson(withSettings(command.command('pause').description('move nothing between tiers until resumed')))
    .option('--reason <text>', 'told by the status', 'paused by akosha tiers')
    .addHelpText(
      'after',
      `
A transition under way stops after its batch, and those of the schedule begin none, with Temporal or without. Nothing is swept either.

Example:
  akosha tiers pause --reason "the disk is replaced"`,
    )
    .action((options: PauseOptions, self: Command) =>
      pause({ ...self.optsWithGlobals<PauseOptions>(), ...options }),
    );
  withJson(withSettings(command.command('resume').description('move memories between tiers again')))
    .addHelpText('after', '\nExample:\n  akosha tiers resume && akosha tiers run --wait')
    .action((options: Options, self: Command) => resume({ ...self.optsWithGlobals<Options>(), ...options }));
  withJson(withSettings(command.command('report').description('what the last transitions did')))
    .option('--last <number>', 'how many of them, at most 100', positiveNumber, 1)
    .addHelpText('after', '\nExample:\n  akosha tiers report --last 24 --json')
    .action((options: ReportOptions, self: Command) =>
      report({ ...self.optsWithGlobals<ReportOptions>(), ...options }),
    );
}

async function show(options: Options): Promise<void> {
  const answer = await (await ApiClient.open(settingsOf(options))).get('/api/v1/tiers', Answer);
  print(answer, options.json, ({ tiers, paused }) =>
    [
      table([
        ['tier', 'rows', 'size', 'used', 'a memory', ...KINDS],
        ...TIERS.map((tier) => {
          const { rows, bytes: size, used_bytes: used, bytes_per_memory: each, kinds } = tiers[tier];
          const sizes = [bytes(size), bytes(used), each === null ? '-' : bytes(each)];
          return [tier, String(rows), ...sizes, ...KINDS.map((kind) => String(kinds[kind]))];
        }),
      ]),
      ...(paused === null ? [] : [`moving is paused since ${paused.since}: ${paused.reason}`]),
    ].join('\n'),
  );
}

async function forecast({ asOf, json, ...options }: RunOptions): Promise<void> {
  const query = asOf === undefined ? '' : `?as_of=${encodeURIComponent(instant(asOf))}`;
  const api = await ApiClient.open(settingsOf(options));
  print(await api.get(`/api/v1/tiers/plan${query}`, Forecast), json, describeForecast);
}

async function pause({ reason, json, ...options }: PauseOptions): Promise<void> {
  const api = await ApiClient.open(settingsOf(options));
  const paused = await api.post('/api/v1/tiers/pause', { reason }, Pause);
  print(paused, json, ({ since }) => `moving is paused since ${since}; \`akosha tiers resume\` ends that`);
}

async function resume({ json, ...options }: Options): Promise<void> {
  const api = await ApiClient.open(settingsOf(options));
  const answer = await api.post('/api/v1/tiers/resume', {}, z.object({ resumed: z.boolean() }));
  print(answer, json, ({ resumed }) =>
    resumed ? 'moving goes on: now with `akosha tiers run`, or with the schedule' : 'moving was not paused',
  );
}

async function report({ last, json, ...options }: ReportOptions): Promise<void> {
  const api = await ApiClient.open(settingsOf(options));
  const answer = await api.get(
    `/api/v1/tiers/transitions?limit=${last}`,
    z.object({ transitions: z.array(Report) }),
  );
  print(answer, json, ({ transitions }) =>
    transitions.length === 0
      ? 'no transition ran in the last 30 days'
      : transitions.map(describeReport).join('\n\n'),
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
      status: result.paused === true ? 'paused' : 'done',
      as_of: result.asOf,
      rows_moved: result.toWarm + result.toCold,
      moved: { hot_to_warm: result.toWarm, warm_to_cold: result.toCold },
      swept: { rows: result.sweptRows, tables: result.sweptTables, objects: result.sweptObjects },
      report: result.report ?? null,
    };
    // As much as was asked for was not done.
    if (result.paused === true) process.exitCode = EXIT.failed;
    print(answer, json, ({ moved, status }) =>
      [
        `moved ${moved.hot_to_warm} rows from hot to warm and ${moved.warm_to_cold} from warm to cold`,
        ...(status === 'paused' ? ['moving is paused: `akosha tiers resume`, then run it again'] : []),
      ].join('\n'),
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
