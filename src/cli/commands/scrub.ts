import type { Command } from 'commander';
import { z } from 'zod';
import type { ScrubReport } from '../../contract/index.js';
import { ApiClient } from '../api-client.js';
import { openClient } from '../clients.js';
import { EXIT } from '../errors.js';
import { bytes, count, print, withJson } from '../output.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';

const Counts = z.looseObject({
  objects: z.number(),
  bytes: z.number(),
  placements: z.number(),
  rows: z.number(),
  findings: z.number(),
  skipped: z.array(z.string()),
});
const Status = z.looseObject({
  stopped_since: z.string().nullable(),
  findings: z.array(
    z.looseObject({
      kind: z.string(),
      subject: z.string(),
      expected: z.string(),
      found: z.string(),
      found_at: z.string(),
    }),
  ),
  findings_left_out: z.number(),
  last: z
    .looseObject({
      id: z.string(),
      begun_at: z.string(),
      ended_at: z.string().nullable(),
      passed: z.boolean().nullable(),
      report: Counts.nullable(),
    })
    .nullable(),
});
type Status = z.infer<typeof Status>;

const ROUTE = '/api/v1/scrub';

interface Options extends SettingOptions {
  json?: boolean;
}

interface RunOptions extends Options {
  wait?: boolean;
}

interface ReleaseOptions extends Options {
  reason: string;
}

export function define(command: Command): void {
  withJson(withSettings(command))
    .option('--wait', 'return when it is done')
    .addHelpText(
      'after',
      `
Reads every journal and cold object that keeps memories and compares it with its checksum, compares every placement with its row and every row of
hot, warm and cold with its placement. A schedule does it every week. What differs is looked at twice; then nothing is moved or deleted any
more, but for what is forgotten, until a person has released it. Ingest and search go on.

Exit code 1 where something was found, or stands.

Examples:
  akosha scrub --wait
  akosha scrub status --json
  akosha scrub release --reason "object put back from the bucket's versions"`,
    )
    .action(run);
  withJson(
    withSettings(command.command('status').description('what the last scrub came to, and what stands')),
  )
    .addHelpText('after', '\nExample:\n  akosha scrub status --json')
    .action((options: Options, self: Command) => status(merged(self, options)));
  withJson(withSettings(command.command('release').description('let moving go on, whatever was found')))
    .requiredOption('--reason <text>', 'what was done about it; kept with what was found')
    .addHelpText(
      'after',
      `
What was found is not mended by this: the next scrub finds it again where it stands. docs/runbooks/006-scrub-mismatch.md says what to do about each.

Example:
  akosha scrub release --reason "repaired hot with akosha repair"`,
    )
    .action((options: ReleaseOptions, self: Command) => release(merged(self, options)));
}

/** An option may stand before the sub-command or after it. */
function merged<T extends Options>(command: Command, options: T): T {
  return { ...command.optsWithGlobals<T>(), ...options };
}

async function run({ wait, json, ...options }: RunOptions): Promise<void> {
  const settings = settingsOf(options);
  const Begun = z.object({ workflow_id: z.string(), run_id: z.string() });
  const begun = await (await ApiClient.open(settings)).post(ROUTE, {}, Begun);
  if (wait !== true)
    return print({ ...begun, status: 'started' }, json, () => `started ${begun.workflow_id}`);
  const client = await openClient(settings);
  try {
    const report = await client.scrubbed(begun.workflow_id, begun.run_id).result();
    if (report.findings > 0) process.exitCode = EXIT.failed;
    print({ ...begun, status: 'done', ...report }, json, describeReport);
  } finally {
    await client.close();
  }
}

function describeReport({ findings, objects, bytes: size, placements, rows, skipped }: ScrubReport): string {
  const looked = `objects ${objects} (${bytes(size)}), placements ${placements}, rows ${rows}`;
  const left = skipped.length === 0 ? '' : `; left out, to be repaired first: ${skipped.join(', ')}`;
  return findings === 0
    ? `as it should be: ${looked}${left}`
    : `${count(findings, 'mismatch', 'mismatches')} among ${looked}${left}; nothing is moved until \`akosha scrub release\`: see \`akosha scrub status\``;
}

async function status({ json, ...options }: Options): Promise<void> {
  const answer = await (await ApiClient.open(settingsOf(options))).get(ROUTE, Status);
  if (answer.stopped_since !== null) process.exitCode = EXIT.failed;
  print(answer, json, describeStatus);
}

function describeStatus({ stopped_since: since, findings, findings_left_out: more, last }: Status): string {
  const lines = [last === null ? 'no scrub has run yet' : describeLast(last)];
  if (since === null) return [...lines, 'nothing stands'].join('\n');
  lines.push(`nothing is moved or deleted since ${since}; \`akosha scrub release\` ends that`);
  for (const { kind, subject, expected, found, found_at: at } of findings)
    lines.push(`${at}  ${kind}  ${subject}`, `    expected: ${expected}`, `    found:    ${found}`);
  if (more > 0) lines.push(`and ${more} more`);
  return lines.join('\n');
}

function describeLast({ begun_at: begun, ended_at: ended, report }: NonNullable<Status['last']>): string {
  if (ended === null || report === null) return `begun ${begun}, not ended yet`;
  const { findings, objects, placements, rows } = report;
  return `ended ${ended}: ${count(findings, 'mismatch', 'mismatches')} among objects ${objects}, placements ${placements}, rows ${rows}`;
}

async function release({ reason, json, ...options }: ReleaseOptions): Promise<void> {
  const api = await ApiClient.open(settingsOf(options));
  const answer = await api.post(`${ROUTE}/release`, { reason }, z.object({ released: z.number() }));
  print(answer, json, ({ released }) =>
    released === 0 ? 'nothing was to be released' : `released ${released}: moving goes on`,
  );
}
