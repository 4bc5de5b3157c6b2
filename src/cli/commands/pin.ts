import type { Command } from 'commander';
import { z } from 'zod';
import { ApiClient } from '../api-client.js';
import { positiveNumber, print, table, withJson } from '../output.js';
import { changePins, type PinOptions } from '../pins.js';
import { withSelection } from '../selection.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';
import { systemIdOf } from '../uploads.js';

const Pins = z.object({
  pins: z.array(
    z.looseObject({
      system_id: z.string(),
      kind: z.string().nullable(),
      memory_id: z.string().nullable(),
      source: z.string(),
      tier: z.string().nullable(),
      until: z.string().nullable(),
      reason: z.string().nullable(),
    }),
  ),
  next: z.string().nullable(),
});

interface ListOptions extends SettingOptions {
  json?: boolean;
  system?: string;
  limit?: number;
  after?: string;
}

export function define(command: Command): void {
  withSelection(withJson(withSettings(command)))
    .option('--tier <tier>', 'the coldest they may be in, hot or warm; by default where each is now')
    .option('--reason <text>', 'why; stands in the list')
    .addHelpText(
      'after',
      `
What is pinned is moved by no transition and by no \`akosha move\`, and new versions of it stay where it is. A pin itself moves nothing: what is
colder than --tier is brought back by \`akosha thaw\`. --system alone pins the system, with all that it has and gets.

Examples:
  akosha pin laptop-1/conversation/3f9a2c --reason "shown in the handbook"
  akosha pin --project website --tier warm --dry-run
  akosha pin --query "how we rotate keys" --limit 20
  akosha pin list --system laptop-1`,
    )
    .action((memories: string[], options: PinOptions) => changePins('pin', memories, options));
  withJson(withSettings(command.command('list').description('what is pinned')))
    .option('--system <id>', 'only pins of this system and its memories')
    .option('-n, --limit <n>', 'most pins, 500 at once (default: 100)', positiveNumber)
    .option('--after <next>', 'the page behind the one that ended with this')
    .addHelpText('after', '\nExample:\n  akosha pin list --json')
    .action((_options: ListOptions, list: Command) => show(list.optsWithGlobals<ListOptions>()));
}

async function show({ json, system, limit, after, ...options }: ListOptions): Promise<void> {
  const api = await ApiClient.open(settingsOf(options));
  const query = new URLSearchParams({
    limit: String(limit ?? 100),
    ...(system === undefined ? {} : { system_id: systemIdOf(system) }),
    ...(after === undefined ? {} : { after }),
  });
  const page = await api.get(`/api/v1/pins?${query.toString()}`, Pins);
  print(page, json, ({ pins, next }) => {
    if (pins.length === 0) return 'nothing is pinned';
    const lines = table([
      ['what', 'at the coldest', 'by', 'until', 'reason'],
      ...pins.map(({ system_id, kind, memory_id, source, tier, until, reason }) => [
        kind === null ? system_id : `${system_id}/${kind}/${memory_id ?? ''}`,
        tier ?? 'where it is',
        source,
        until ?? '-',
        reason ?? '-',
      ]),
    ]);
    return next === null ? lines : `${lines}\nmore: --after ${next}`;
  });
}
