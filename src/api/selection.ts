import { z } from 'zod';
import { keyText, MAX_NAMED_MEMORIES, TIERS, type MemoryKey, type Selection } from '../contract/index.js';
import { Kind, MemoryId } from './memory-key.js';
import { Query, SystemId, Time } from './schemas.js';

const NAMED_RULE = `must be a list of 1 to ${MAX_NAMED_MEMORIES} memories`;
const LIMIT_RULE = `must be a whole number from 1 to ${MAX_NAMED_MEMORIES}`;

/** Of a search: enough for what a person means by a text. */
const DEFAULT_FOUND = 100;

/** By which routes are told which memories are meant. */
export const SELECTION_FIELDS = {
  memories: z
    .array(z.strictObject({ system_id: SystemId, kind: Kind, memory_id: MemoryId }), { error: NAMED_RULE })
    .min(1, NAMED_RULE)
    .max(MAX_NAMED_MEMORIES, NAMED_RULE)
    .optional()
    .describe('These alone.'),
  query: Query.optional().describe('What a search for this finds, the best first.'),
  limit: z
    .int({ error: LIMIT_RULE })
    .min(1, LIMIT_RULE)
    .max(MAX_NAMED_MEMORIES, LIMIT_RULE)
    .default(DEFAULT_FOUND)
    .describe('Of `query`: the most that it may find.'),
  system_id: SystemId.optional().describe('Alone: the system, with all that it has.'),
  kind: Kind.optional(),
  project: z.string({ error: 'must be a text' }).optional(),
  tag: z.string({ error: 'must be a text' }).optional(),
  since: Time.optional().describe('Own times from this one on.'),
  until: Time.optional().describe('Own times before this one.'),
};

type Fields = z.output<z.ZodObject<typeof SELECTION_FIELDS>>;

/** A selection as it is asked for: what a text finds is yet to be searched. */
export interface SelectionRequest {
  selection: Selection;
  query: { text: string; limit: number } | null;
}

/** So that nobody selects everything by leaving something out. */
export function requireSelection(body: Fields, context: z.RefinementCtx): void {
  const { limit: _limit, ...fields } = body;
  const named = [fields.memories, fields.query, fields.system_id, fields.kind, fields.project, fields.tag];
  if ([...named, fields.since, fields.until].every((field) => field === undefined)) {
    const message = 'must say which memories: memories, query, system_id, kind, project, tag, since or until';
    context.addIssue({ code: 'custom', message });
  }
  if (fields.memories !== undefined && fields.query !== undefined)
    context.addIssue({ code: 'custom', path: ['query'], message: 'does not go with memories' });
}

export function toSelection(body: Fields): SelectionRequest {
  const { memories, query, limit, system_id: systemId, kind, project, tag, since, until } = body;
  const selection: Selection = {
    ...(memories === undefined
      ? {}
      : {
          memories: distinct(
            memories.map((key) => ({ systemId: key.system_id, kind: key.kind, memoryId: key.memory_id })),
          ),
        }),
    ...(systemId === undefined ? {} : { systemId }),
    ...(kind === undefined ? {} : { kind }),
    ...(project === undefined ? {} : { project }),
    ...(tag === undefined ? {} : { tag }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
  return { selection, query: query === undefined ? null : { text: query, limit } };
}

/** A list that somebody pasted together may name a memory twice. */
function distinct(keys: readonly MemoryKey[]): MemoryKey[] {
  return [...new Map(keys.map((key) => [keyText(key), key])).values()];
}

const Count = z.int().nonnegative();

export const MatchedReply = z
  .record(z.enum(TIERS), Count)
  .describe('Memories that are meant, by the tier in which they are.');
