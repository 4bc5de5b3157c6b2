import type { Command } from 'commander';
import { z } from 'zod';
import { AkoshaError, brokenQueryRule, KINDS, SEARCH_SORTS, TIERS } from '../../contract/index.js';
import { ApiClient } from '../api-client.js';
import { positiveNumber, print, withJson } from '../output.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';

const Snippet = z.looseObject({
  text: z.string(),
  marks: z.array(z.tuple([z.int(), z.int()])),
  cut_before: z.boolean(),
  cut_behind: z.boolean(),
});
const Share = z.looseObject({ rank: z.int(), part: z.number() }).nullable();

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
      snippet: Snippet.optional(),
      explain: z.looseObject({ vector: Share, words: Share, recency: z.number().nullable() }).optional(),
    }),
  ),
  next_cursor: z.string().nullable(),
  partial: z.array(z.looseObject({ tier: z.string(), reason: z.string() })),
});

interface Options extends SettingOptions {
  json?: boolean;
  limit: number;
  system?: string;
  kind?: string;
  project?: string;
  since?: string;
  tag?: string;
  until?: string;
  knownBy?: string;
  tier?: string[];
  sort: string;
  cursor?: string;
  snippets?: boolean;
  explain?: boolean;
}

export function define(command: Command): void {
  withJson(withSettings(command))
    .argument('<text...>', 'what to look for')
    .option('-n, --limit <n>', 'most results', positiveNumber, 10)
    .option('--system <id>', 'only memories of this system')
    .option('--kind <kind>', `only this kind: ${KINDS.join(', ')}`)
    .option('--project <name>', 'only memories of this project')
    .option('--tag <tag>', 'only memories with this tag')
    .option('--since <time>', 'only memories from this time on (ISO 8601)')
    .option('--until <time>', 'only memories before this time (ISO 8601)')
    .option('--known-by <time>', 'only what had been ingested by then, as it is now (ISO 8601)')
    .option('--tier <tier...>', `only these tiers: ${TIERS.join(', ')}`)
    .option(
      '--sort <order>',
      `${SEARCH_SORTS.join(' or ')}; by time come all that hold every word, newest first`,
      'relevance',
    )
    .option('--cursor <cursor>', 'the page behind the one that told this cursor')
    .option('--snippets', 'show the part of each text that matches, its words marked')
    .option('--explain', 'say why each result stands where it does')
    .addHelpText(
      'after',
      `
Examples:
  akosha search "how do we rotate signing keys"
  akosha search "git commit --amend" --kind conversation --since 2026-10-01 --json
  akosha search deploy rollback --tag incident --sort time --snippets
  akosha search -- --known-by`,
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
      tag: options.tag,
      known_by: options.knownBy,
      sort: options.sort,
      cursor: options.cursor,
      snippets: options.snippets,
      explain: options.explain,
    },
    Answer,
  );
  print(answer, options.json, render);
}

/** Enough of a text to recognise it on one line of a terminal. */
const EXCERPT = 160;

type Result = z.infer<typeof Answer>['results'][number];

function render({ results, partial, next_cursor }: z.infer<typeof Answer>): string {
  const lines = results.map((result, i) => {
    const head = [
      result.created_at.slice(0, 10),
      result.tier,
      result.kind,
      result.project ?? '-',
      result.system_id,
    ];
    const text = [excerpt(result), ...explanation(result)].map((line) => `    ${line}`);
    return [`${String(i + 1).padStart(2)}. ${head.join('  ')}`, ...text].join('\n');
  });
  if (results.length === 0) lines.push('nothing found');
  for (const { tier, reason } of partial) lines.push(`incomplete: ${tier}: ${reason}`);
  if (next_cursor !== null) lines.push(`more: --cursor ${next_cursor}`);
  return lines.join('\n');
}

function excerpt({ content, snippet }: Result): string {
  if (snippet !== undefined) return marked(snippet).replaceAll(/\s+/g, ' ');
  return content.replaceAll(/\s+/g, ' ').slice(0, EXCERPT);
}

/** The words between asterisks: what a terminal shows otherwise differs, and gets lost in a file. */
function marked({ text, marks, cut_before, cut_behind }: z.infer<typeof Snippet>): string {
  let shown = '';
  let at = 0;
  for (const [from, to] of marks) {
    shown += `${text.slice(at, from)}*${text.slice(from, to)}*`;
    at = to;
  }
  return `${cut_before ? '… ' : ''}${shown}${text.slice(at)}${cut_behind ? ' …' : ''}`;
}

function explanation({ explain, score }: Result): string[] {
  if (explain === undefined) return [];
  const { vector, words, recency } = explain;
  const share = (name: string, of: z.infer<typeof Share>): string[] =>
    of === null ? [] : [`${name} rank ${of.rank} (${of.part.toFixed(5)})`];
  const parts = [...share('vector', vector), ...share('words', words)];
  if (recency === null) return ['in order of time'];
  return [`score ${score.toFixed(5)}: ${parts.join(' + ')}, times ${recency.toFixed(4)} for its age`];
}
