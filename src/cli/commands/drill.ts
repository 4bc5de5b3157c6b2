import type { Command } from 'commander';
import { z } from 'zod';
import type { DrillReport } from '../../contract/index.js';
import { ApiClient } from '../api-client.js';
import { openClient } from '../clients.js';
import { EXIT } from '../errors.js';
import { print, withJson } from '../output.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';

const Report = z.object({
  passed: z.boolean(),
  reason: z.string().nullable(),
  memories: z.number(),
  later: z.number(),
  mismatches: z.number(),
  examples: z.array(z.string()),
  objects: z.number(),
  seconds: z.number(),
});
const Status = z.looseObject({
  last: z
    .looseObject({
      id: z.string(),
      begun_at: z.string(),
      ended_at: z.string().nullable(),
      report: Report.nullable(),
    })
    .nullable(),
});

const ROUTE = '/api/v1/drill';

interface Options extends SettingOptions {
  json?: boolean;
}

interface RunOptions extends Options {
  wait?: boolean;
}

export function define(command: Command): void {
  withJson(withSettings(command))
    .option('--wait', 'return when it is done')
    .addHelpText(
      'after',
      `
Rebuilds the store from object storage alone into a scratch folder of the data folder, compares every memory with the store that serves by its
content hash, and removes the copy. A schedule does it every week. The server goes on meanwhile. It needs one and a half times the room of the folder
store, and half of store_memory_mb.

Exit code 1 where it failed: then a rebuild would not give everything back.

Examples:
  akosha drill --wait
  akosha drill status --json`,
    )
    .action(run);
  withJson(withSettings(command.command('status').description('what the last drill came to')))
    .addHelpText('after', '\nExample:\n  akosha drill status --json')
    .action((options: Options, self: Command) =>
      // An option may stand before the sub-command or after it.
      status({ ...self.optsWithGlobals<Options>(), ...options }),
    );
}

async function run({ wait, json, ...options }: RunOptions): Promise<void> {
  const settings = settingsOf(options);
  const Begun = z.object({ workflow_id: z.string(), run_id: z.string() });
  const begun = await (await ApiClient.open(settings)).post(ROUTE, {}, Begun);
  if (wait !== true)
    return print({ ...begun, status: 'started' }, json, () => `started ${begun.workflow_id}`);
  const client = await openClient(settings);
  try {
    const report = await client.drilled(begun.workflow_id, begun.run_id).result();
    if (!report.passed) process.exitCode = EXIT.failed;
    print({ ...begun, status: 'done', ...report }, json, describe);
  } finally {
    await client.close();
  }
}

async function status({ json, ...options }: Options): Promise<void> {
  const answer = await (await ApiClient.open(settingsOf(options))).get(ROUTE, Status);
  if (answer.last?.report?.passed === false) process.exitCode = EXIT.failed;
  print(answer, json, ({ last }) => {
    if (last === null) return 'no restore drill has been held yet';
    if (last.ended_at === null || last.report === null) return `begun ${last.begun_at}, not ended yet`;
    return `ended ${last.ended_at}; ${describe(last.report)}`;
  });
}

function describe({ passed, reason, memories, later, objects, seconds, examples }: DrillReport): string {
  const looked = `memories ${memories} (left out, as newer than its begin: ${later}), objects ${objects}, ${seconds.toFixed(1)} s`;
  return [`${passed ? 'passed' : `failed: ${reason ?? ''}`}; ${looked}`, ...examples].join('\n');
}
