import type { Command } from 'commander';
import { z } from 'zod';
import { AkoshaError, KINDS, TIERS } from '../contract/index.js';
import { KEY_FORM, parseMemoryKey } from './memory-key.js';
import { positiveNumber } from './output.js';
import { systemIdOf } from './uploads.js';

/** The options by which commands are told which memories are meant. */
export interface SelectionOptions {
  system?: string;
  query?: string;
  limit?: number;
  kind?: string;
  project?: string;
  tag?: string;
  since?: string;
  until?: string;
  dryRun?: boolean;
  yes?: boolean;
}

export function withSelection(command: Command): Command {
  return command
    .argument('[memory...]', `memories as ${KEY_FORM}`)
    .option('--system <id>', 'memories of this system; alone: the system')
    .option('--query <text>', 'what a search for this text finds')
    .option(
      '-n, --limit <n>',
      'of --query: the most that it may find, 1000 at once (default: 100)',
      positiveNumber,
    )
    .option('--kind <kind>', `memories of this kind: ${KINDS.join(', ')}`)
    .option('--project <name>', 'memories of this project')
    .option('--tag <tag>', 'memories with this tag')
    .option('--since <time>', 'memories from this time on (ISO 8601)')
    .option('--until <time>', 'memories before this time (ISO 8601)')
    .option('--dry-run', 'only count')
    .option('--yes', 'do not ask, however many there are');
}

/** As the server takes it. Raises `BadRequest` where nothing is named. */
export function selectionBody(
  memories: readonly string[],
  { system, query, limit, kind, project, tag, since, until }: SelectionOptions,
): object {
  const filters = { query, limit, kind, project, tag, since, until };
  if (memories.length === 0 && system === undefined && Object.values(filters).every(isAbsent)) {
    throw new AkoshaError(
      'BadRequest',
      `say which memories: some as ${KEY_FORM}, or --system, --query, --kind, --project, --tag, --since or --until`,
    );
  }
  return {
    ...filters,
    ...(memories.length === 0 ? {} : { memories: memories.map(toKey) }),
    ...(system === undefined ? {} : { system_id: systemIdOf(system) }),
  };
}

function isAbsent(value: unknown): boolean {
  return value === undefined;
}

function toKey(text: string): object {
  const key = parseMemoryKey(text);
  if (key === undefined)
    throw new AkoshaError('BadRequest', `${text} names no memory: it must be ${KEY_FORM}`);
  return { system_id: key.systemId, kind: key.kind, memory_id: key.memoryId };
}

export const Matched = z.record(z.enum(TIERS), z.number());

export function describeMatched(matched: z.infer<typeof Matched>): string {
  return TIERS.map((tier) => `${tier} ${matched[tier]}`).join(', ');
}

export function sumMatched(matched: z.infer<typeof Matched>): number {
  return TIERS.reduce((sum, tier) => sum + matched[tier], 0);
}
