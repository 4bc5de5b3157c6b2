import type { Command } from 'commander';
import type { AkoshaClient } from '../../client/index.js';
import {
  backfillSchedule,
  listSchedules,
  pauseSchedule,
  resumeSchedule,
  triggerSchedule,
  type ScheduleState,
} from '../../schedules/index.js';
import { openClient } from '../clients.js';
import { print, table, withJson } from '../output.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';

interface Options extends SettingOptions {
  json?: boolean;
}

interface DaysOptions extends Options {
  from: string;
  to: string;
}

interface ReasonOptions extends Options {
  reason?: string;
}

export function define(command: Command): void {
  withJson(withSettings(command))
    .addHelpText(
      'after',
      `
Examples:
  akosha schedules
  akosha schedules pause akosha-tier-transition --reason "moving the disk"
  akosha schedules trigger akosha-daily-ingest
  akosha schedules backfill akosha-daily-ingest --from 2026-11-01 --to 2026-11-07`,
    )
    .action(list);
  sub(command, 'list', 'list the schedules').action((options: Options, self: Command) =>
    list(merged(self, options)),
  );
  for (const [name, operate, past] of [
    ['pause', pauseSchedule, 'paused'],
    ['resume', resumeSchedule, 'resumed'],
  ] as const) {
    sub(command, name, `${name} a schedule`)
      .argument('<schedule>', 'its id')
      .option('--reason <text>', 'kept as its note', `${past} by akosha schedules`)
      .action((id: string, options: ReasonOptions, self: Command) =>
        change(id, past, merged(self, options), (client) => operate(client, id, options.reason ?? past)),
      );
  }
  sub(command, 'trigger', 'run a schedule once, now')
    .argument('<schedule>', 'its id')
    .action((id: string, options: Options, self: Command) =>
      change(id, 'triggered', merged(self, options), (client) => triggerSchedule(client, id)),
    );
  sub(
    command,
    'backfill',
    'run a schedule for each time that it was due on past days, one run after the other',
  )
    .argument('<schedule>', 'its id')
    .requiredOption('--from <date>', 'the first day (UTC)')
    .requiredOption('--to <date>', 'the last day, at most a month on')
    .addHelpText(
      'after',
      `
A run works on what stands there when it runs, and not on its day alone: one makes up for all that were missed.

Example:
  akosha schedules backfill akosha-daily-ingest --from 2026-11-01 --to 2026-11-07`,
    )
    .action((id: string, options: DaysOptions, self: Command) => {
      const { from, to, ...rest } = merged(self, options);
      return change(id, 'backfilling', rest, (client) => backfillSchedule(client, id, { from, to }));
    });
}

function sub(command: Command, name: string, description: string): Command {
  return withJson(withSettings(command.command(name).description(description)));
}

/** An option may stand before the sub-command or after it. */
function merged<T extends Options>(command: Command, options: T): T {
  return { ...command.optsWithGlobals<T>(), ...options };
}

async function withClient<T>(options: Options, run: (client: AkoshaClient) => Promise<T>): Promise<T> {
  const client = await openClient(settingsOf(options));
  try {
    return await run(client);
  } finally {
    await client.close();
  }
}

async function list(options: Options): Promise<void> {
  const states = await withClient(options, listSchedules);
  print({ schedules: states.map(toJson) }, options.json, ({ schedules }) =>
    table([
      ['schedule', 'state', 'next run', 'runs', 'missed', 'skipped'],
      ...schedules.map((s) => [
        s.schedule_id,
        s.paused ? 'paused' : 'active',
        s.next_runs[0] ?? '-',
        String(s.runs),
        String(s.missed),
        String(s.skipped),
      ]),
    ]),
  );
}

async function change(
  id: string,
  status: string,
  options: Options,
  run: (client: AkoshaClient) => Promise<void>,
): Promise<void> {
  await withClient(options, run);
  print({ schedule_id: id, status }, options.json, () => `${status} ${id}`);
}

function toJson(state: ScheduleState) {
  return {
    schedule_id: state.scheduleId,
    purpose: state.purpose,
    workflow_type: state.workflowType,
    paused: state.paused,
    note: state.note,
    next_runs: state.nextRuns.map(iso),
    last_run: state.lastRun && { at: iso(state.lastRun.at), workflow_id: state.lastRun.workflowId },
    running: state.running,
    runs: state.runs,
    missed: state.missed,
    skipped: state.skipped,
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
