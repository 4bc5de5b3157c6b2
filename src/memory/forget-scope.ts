import { createHash } from 'node:crypto';
import { z } from 'zod';
import { KINDS, type ForgetScope } from '../contract/index.js';

const Time = z.iso.datetime();
const Counts = z.record(z.string(), z.number());

const Scope = z.discriminatedUnion('scope', [
  z.object({ scope: z.literal('system'), system_id: z.string() }),
  z.object({ scope: z.literal('project'), project: z.string(), system_id: z.string().nullable() }),
  z.object({
    scope: z.literal('memory'),
    system_id: z.string(),
    kind: z.enum(KINDS),
    memory_id: z.string(),
  }),
]);
type ScopeJson = z.infer<typeof Scope>;

/** An object of `tombstones/`: this is forgotten, and must not come back. */
const TombstoneSchema = z.looseObject({ format_version: z.literal(1), what: Scope, requested_at: Time });

export interface Tombstone {
  scope: ForgetScope;
  /** Milliseconds since 1970. */
  requestedAt: number;
}

/** An object of `forgets/`: what became of it. It names and counts, and holds nothing of what was forgotten. */
export const ForgetReceiptSchema = z.looseObject({
  format_version: z.literal(1),
  scope_id: z.string(),
  what: Scope,
  requested_at: Time,
  finished_at: Time,
  memories: z.object({ hot: z.number(), warm: z.number(), cold: z.number() }),
  vectors: z.number(),
  rows: z.number(),
  objects: z.object({ deleted: z.number(), rewritten: z.number() }),
  uploads: Counts,
});
export type ForgetReceipt = z.infer<typeof ForgetReceiptSchema>;

/** Half of SHA-256: two scopes do not meet. */
const HASH_LENGTH = 32;

/**
 * Names a scope in keys and ids: `system/<id>`, and a hash where the name of a project, or the id of a memory, may be of any letters and
 * length.
 */
export function scopeIdOf(scope: ForgetScope): string {
  if (scope.scope === 'system') return `system/${scope.systemId}`;
  const named =
    scope.scope === 'project'
      ? [scope.systemId, scope.project]
      : [scope.systemId, scope.kind, scope.memoryId];
  const hash = createHash('sha256').update(JSON.stringify(named)).digest('hex');
  return `${scope.scope}/${hash.slice(0, HASH_LENGTH)}`;
}

export function scopeToJson(scope: ForgetScope): ScopeJson {
  switch (scope.scope) {
    case 'system':
      return { scope: 'system', system_id: scope.systemId };
    case 'project':
      return { scope: 'project', project: scope.project, system_id: scope.systemId };
    case 'memory':
      return { scope: 'memory', system_id: scope.systemId, kind: scope.kind, memory_id: scope.memoryId };
  }
}

function scopeOf(json: ScopeJson): ForgetScope {
  switch (json.scope) {
    case 'system':
      return { scope: 'system', systemId: json.system_id };
    case 'project':
      return { scope: 'project', project: json.project, systemId: json.system_id };
    case 'memory':
      return { scope: 'memory', systemId: json.system_id, kind: json.kind, memoryId: json.memory_id };
  }
}

export function tombstoneText({ scope, requestedAt }: Tombstone): string {
  const json: z.input<typeof TombstoneSchema> = {
    format_version: 1,
    what: scopeToJson(scope),
    requested_at: new Date(requestedAt).toISOString(),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/** Raises a zod error for another shape: only the server writes there. */
export function parseTombstone(bytes: Buffer): Tombstone {
  const { what, requested_at } = TombstoneSchema.parse(JSON.parse(bytes.toString('utf8')));
  return { scope: scopeOf(what), requestedAt: Date.parse(requested_at) };
}
