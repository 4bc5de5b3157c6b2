import { z } from 'zod';

const Time = z.iso.datetime();

/** An object of `retention/expired/`: what became older than memories are kept. It counts, and has nothing of any memory. */
const ExpirySchema = z.looseObject({
  format_version: z.literal(1),
  expiry_id: z.string(),
  decided_at: Time,
  decided_by: z.string(),
  kept_days: z.number(),
  cutoff: Time,
  before_id: z.number().int(),
  ended_at: Time.nullable(),
  called_off: z.literal(true).optional(),
  /** By system. */
  memories: z.record(z.string(), z.number()),
});

/**
 * That memories are not kept any more. It holds for rows whose own time is at or before `cutoff` and whose ids are below `beforeId`: those that were
 * written before it was decided. What a person has pinned is none of them.
 */
export interface Expiry {
  id: string;
  /** By the system's clock, milliseconds since 1970, as all its times. */
  decidedAt: number;
  /** The transition in which it was decided. */
  by: string;
  /** How many days memories were kept by then. */
  keptDays: number;
  cutoff: number;
  beforeId: number;
}

/** What came of it. */
export interface ExpiryReceipt extends Expiry {
  /** Null while memories of it may still be there. */
  endedAt: number | null;
  /** It ended before all were gone, because memories are kept for longer since. */
  calledOff?: true;
  /** How many are gone, by system. */
  memories: Readonly<Record<string, number>>;
}

export function expiryText(receipt: ExpiryReceipt): string {
  const time = (ms: number): string => new Date(ms).toISOString();
  const json: z.input<typeof ExpirySchema> = {
    format_version: 1,
    expiry_id: receipt.id,
    decided_at: time(receipt.decidedAt),
    decided_by: receipt.by,
    kept_days: receipt.keptDays,
    cutoff: time(receipt.cutoff),
    before_id: receipt.beforeId,
    ended_at: receipt.endedAt === null ? null : time(receipt.endedAt),
    ...(receipt.calledOff === true ? { called_off: true } : {}),
    memories: receipt.memories,
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/** Raises a zod error for another shape: only the server writes there. */
export function parseExpiry(bytes: Buffer): ExpiryReceipt {
  const json = ExpirySchema.parse(JSON.parse(bytes.toString('utf8')));
  return {
    id: json.expiry_id,
    decidedAt: Date.parse(json.decided_at),
    by: json.decided_by,
    keptDays: json.kept_days,
    cutoff: Date.parse(json.cutoff),
    beforeId: json.before_id,
    endedAt: json.ended_at === null ? null : Date.parse(json.ended_at),
    ...(json.called_off === true ? { calledOff: true } : {}),
    memories: json.memories,
  };
}
