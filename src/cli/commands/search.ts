import type { Command } from 'commander';
import { z } from 'zod';
import { AkoshaError, brokenQueryRule, KINDS, TIERS } from '../../contract/index.js';
import { ApiClient } from '../api-client.js';
import { positiveNumber, print, withJson } from '../output.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';

const Answer = z.looseObject({
  results: z.array(
    z.looseObject({
      system_id: z.string(),
      kind: z.enum(KINDS),
      memory_id: z.string(),
      content: z.string(),
      project: z.string().nullable(),
      created_at: z.string(),
      tier: z.enum(TIERS),
      score: z.number(),
      matched: z.array(z.string()),
    }),
  ),
  partial: z.array(z.looseObject({ tier: z.string(), reason: z.string() })),
});

interface Options extends SettingOptions {
  json?: boolean;
  limit: number;
  system?: string;
  kind?: string;
  project?: string;
  since?: string;
  until?: string;
  tier?: string[];
}

export function define(command: Command): void {
  withJson(withSettings(command))
    .argument('<text...>', 'what to look for')
    .option('-n, --limit <n>', 'most results', positiveNumber, 10)
    .option('--system <id>', 'only memories of this system')
    .option('--kind <kind>', `only this kind: ${KINDS.join(', ')}`)
    .option('--project <name>', 'only memories of this project')
    .option('--since <time>', 'only memories from this time on (ISO 8601)')
    .option('--until <time>', 'only memories before this time (ISO 8601)')
    .option('--tier <tier...>', `only these tiers: ${TIERS.join(', ')}`)
    .addHelpText(
      'after',
      `
Examples:
  akosha search "how do we rotate signing keys"
  akosha search "git commit --amend" --kind conversation --since 2026-10-01 --json`,
    )
    .action(run);
}

async function run(words: readonly string[], options: Options): Promise<void> {
  const query = words.join(' ');
  // As the server would; but what is wrong with the call must not wait for one to run.
  const rule = brokenQueryRule(query);
  if (rule !== undefined) throw new AkoshaError('BadRequest', `query ${rule}`);
  const api = await ApiClient.open(settingsOf(options));
  const answer = await api.post(
    '/api/v1/search',
    {
      query,
      limit: options.limit,
      system_id: options.system,
      kind: options.kind,
      project: options.project,
      since: options.since,
      until: options.until,
      tier: options.tier,
    },
    Answer,
  );
  print(answer, options.json, render);
}

/** Enough of a text to recognise it on one line of a terminal. */
const EXCERPT = 160;

function render({ results, partial }: z.infer<typeof Answer>): string {
  const lines = results.map((result, i) => {
    const text = result.content.replaceAll(/\s+/g, ' ').slice(0, EXCERPT);
    const head = [
      result.created_at.slice(0, 10),
      result.tier,
      result.kind,
      result.project ?? '-',
      result.system_id,
    ];
    return `${String(i + 1).padStart(2)}. ${head.join('  ')}\n    ${text}`;
  });
  if (results.length === 0) lines.push('nothing found');
  for (const { tier, reason } of partial) lines.push(`incomplete: ${tier}: ${reason}`);
  return lines.join('\n');
}
