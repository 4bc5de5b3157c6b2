import { setTimeout as sleep } from 'node:timers/promises';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { AkoshaError, KINDS } from '../../contract/index.js';
import { ApiClient } from '../api-client.js';
import { systemIdOf } from '../uploads.js';
import { positiveNumber, print, table, withJson } from '../output.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';

interface Options extends SettingOptions {
  json?: boolean;
}

interface ScopeOptions extends Options {
  system?: string;
  project?: string;
  memory?: string;
}

interface ForgetOptions extends ScopeOptions {
  dryRun?: boolean;
  yes?: boolean;
  wait?: boolean;
}

interface ListOptions extends Options {
  limit: number;
}

const ByTier = z.looseObject({ hot: z.number(), warm: z.number(), cold: z.number() });
const Forget = z.looseObject({
  scope_id: z.string(),
  what: z.looseObject({
    scope: z.string(),
    system_id: z.string().nullable(),
    project: z.string().optional(),
    kind: z.string().optional(),
    memory_id: z.string().optional(),
  }),
  requested_at: z.string(),
  lifted_at: z.string().nullable(),
  memories: ByTier,
  rows: z.number(),
  uploads: z.number(),
  receipt: z
    .looseObject({
      finished_at: z.string(),
      objects: z.looseObject({ deleted: z.number(), rewritten: z.number() }),
    })
    .nullable(),
});
type Forget = z.infer<typeof Forget>;
const Requested = Forget.extend({ started: z.boolean() });
const Preview = z.looseObject({
  scope_id: z.string(),
  memories: ByTier,
  systems: z.number(),
  objects: z.number(),
  uploads: z.number(),
});
const Forgets = z.looseObject({ forgets: z.array(Forget) });

export function define(command: Command): void {
  scoped(command)
    .option('--dry-run', 'tell what it would take, and change nothing')
    .option('--yes', 'without being asked')
    .option('--wait', 'return when nothing of it stands anywhere')
    .addHelpText(
      'after',
      `
From the answer on nothing of it is found, and nothing of it is taken in, until it is lifted. It is then erased from the tiers, the index,
journal, cold objects and raw uploads, which takes two looks with the longest request and search between them.

Examples:
  akosha forget --project secret --dry-run
  akosha forget --project secret --system laptop-1 --yes --wait
  akosha forget --system laptop-1 --yes
  akosha forget --memory laptop-1/conversation/4711 --yes
  akosha forget list
  akosha forget show system/laptop-1
  akosha forget lift --system laptop-1`,
    )
    .action((options: ForgetOptions) => forget(options));
  scoped(
    command.command('lift').description('let its memories in again, with the next uploads that bring them'),
  )
    .addHelpText('after', '\nExample:\n  akosha forget lift --project secret')
    .action((options: ScopeOptions, sub: Command) =>
      lift({ ...sub.optsWithGlobals<ScopeOptions>(), ...options }),
    );
  withJson(withSettings(command.command('list').description('what was forgotten, the latest first')))
    .option('-n, --limit <n>', 'most of them, 500 at once', positiveNumber, 100)
    .addHelpText('after', '\nExample:\n  akosha forget list --json')
    .action((options: ListOptions, sub: Command) =>
      list({ ...sub.optsWithGlobals<ListOptions>(), ...options }),
    );
  withJson(withSettings(command.command('show').description('what became of one, with its receipt')))
    .argument('<scope>', 'as the list names it')
    .addHelpText('after', '\nExample:\n  akosha forget show system/laptop-1')
    .action((id: string, options: Options, sub: Command) =>
      show(id, { ...sub.optsWithGlobals<Options>(), ...options }),
    );
}

function scoped(command: Command): Command {
  return withJson(withSettings(command))
    .option('--system <id>', 'all memories of a system')
    .option('--project <name>', 'all memories of a project; with --system those of that system alone')
    .option('--memory <system/kind/id>', 'one memory');
}

async function forget({ dryRun, yes, wait, json, ...options }: ForgetOptions): Promise<void> {
  const body = bodyOf(options);
  const api = await ApiClient.open(settingsOf(options));
  if (dryRun === true || yes !== true) {
    const preview = await api.post('/api/v1/forget/preview', body, Preview);
    if (dryRun === true) return print(preview, json, describePreview);
    await confirm(describePreview(preview));
  }
  const requested = await api.post('/api/v1/forget', body, Requested);
  const answer = wait === true ? await waitFor(api, requested) : requested;
  print(answer, json, (one) =>
    requested.started || one.receipt !== null
      ? describe(one)
      : `${describe(one)}\nTemporal is away: it is erased once that is back`,
  );
}

async function lift({ json, ...options }: ScopeOptions): Promise<void> {
  const api = await ApiClient.open(settingsOf(options));
  const lifted = await api.post('/api/v1/forget/lift', bodyOf(options), Forget);
  print(lifted, json, ({ scope_id }) => `${scope_id} is let in again, with the next uploads that bring it`);
}

async function list({ limit, json, ...options }: ListOptions): Promise<void> {
  const api = await ApiClient.open(settingsOf(options));
  print(await api.get(`/api/v1/forget?limit=${limit}`, Forgets), json, ({ forgets }) =>
    forgets.length === 0
      ? 'nothing was forgotten'
      : table([
          ['scope', 'what', 'requested', 'state', 'memories'],
          ...forgets.map((one) => [
            one.scope_id,
            nameOf(one),
            one.requested_at,
            stateOf(one),
            String(sumOf(one.memories)),
          ]),
        ]),
  );
}

async function show(id: string, { json, ...options }: Options): Promise<void> {
  const api = await ApiClient.open(settingsOf(options));
  print(await api.get(pathOf(id), Forget), json, describe);
}

function pathOf(scopeId: string): string {
  const [scope = '', name = ''] = scopeId.split('/', 2);
  return `/api/v1/forget/${encodeURIComponent(scope)}/${encodeURIComponent(name)}`;
}

const RULE = 'name one of --system ID, --project NAME (with or without --system), --memory SYSTEM/KIND/ID';

function bodyOf({ system, project, memory }: ScopeOptions): Record<string, string> {
  if (memory === undefined) {
    if (system === undefined && project === undefined) throw new AkoshaError('BadRequest', RULE);
    return {
      ...(system === undefined ? {} : { system_id: systemIdOf(system) }),
      ...(project === undefined ? {} : { project }),
    };
  }
  const [, system_id, kind, memory_id] = /^([^/]+)\/([^/]+)\/([\s\S]+)$/.exec(memory) ?? [];
  const isAlone = system === undefined && project === undefined;
  if (isAlone && system_id !== undefined && kind !== undefined && memory_id !== undefined)
    return { system_id, kind, memory_id };
  throw new AkoshaError('BadRequest', `--memory ${memory}: ${RULE}; a kind is ${KINDS.join(', ')}`);
}

/** Whoever cannot be asked has to have said it. */
async function confirm(preview: string): Promise<void> {
  if (!process.stdin.isTTY) {
    throw new AkoshaError(
      'BadRequest',
      `${preview}\nThis cannot be undone: say --yes, or --dry-run to look only`,
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${preview}\nThis cannot be undone. Forget it? (yes/no) `);
    if (answer.trim().toLowerCase() !== 'yes') throw new AkoshaError('Cancelled', 'nothing was forgotten');
  } finally {
    terminal.close();
  }
}

/** A forget takes seconds at least, and its record is a look-up. */
const POLL_MS = 1_000;

async function waitFor(api: ApiClient, requested: Forget): Promise<Forget> {
  let [one, told] = [requested, ''];
  while (one.receipt === null) {
    const line = `erasing ${one.scope_id}: rows ${one.rows}, uploads ${one.uploads}`;
    if (line !== told) process.stderr.write(`${(told = line)}\n`);
    await sleep(POLL_MS);
    one = await api.get(pathOf(requested.scope_id), Forget);
  }
  return one;
}

function describePreview({ memories, systems, objects, uploads }: z.infer<typeof Preview>): string {
  return (
    `memories ${sumOf(memories)} (hot ${memories.hot}, warm ${memories.warm}, cold ${memories.cold}) of ${systems} systems; ` +
    `objects to look through ${objects}, raw uploads ${uploads}`
  );
}

function describe(one: Forget): string {
  const { memories, receipt } = one;
  const lines = [
    `${one.scope_id} (${nameOf(one)}): ${stateOf(one)}`,
    `memories ${sumOf(memories)}: hot ${memories.hot}, warm ${memories.warm}, cold ${memories.cold}`,
  ];
  if (receipt !== null) {
    const { deleted, rewritten } = receipt.objects;
    lines.push(
      `rows ${one.rows}; objects deleted ${deleted}, written anew ${rewritten}; raw uploads deleted ${one.uploads}`,
      `nothing of it was found at ${receipt.finished_at}`,
    );
  }
  return lines.join('\n');
}

function nameOf({ what: { scope, system_id, project, kind, memory_id } }: Forget): string {
  if (scope === 'project') return `project ${project ?? ''} of ${system_id ?? 'all systems'}`;
  return scope === 'system'
    ? `system ${system_id ?? ''}`
    : `memory ${system_id ?? ''}/${kind ?? ''}/${memory_id ?? ''}`;
}

function stateOf({ lifted_at, receipt }: Forget): string {
  if (lifted_at !== null) return `lifted ${lifted_at}`;
  return receipt === null ? 'being erased' : `erased ${receipt.finished_at}`;
}

function sumOf({ hot, warm, cold }: z.infer<typeof ByTier>): number {
  return hot + warm + cold;
}
