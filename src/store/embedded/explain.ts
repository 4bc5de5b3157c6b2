import { isoTime, type MemoryKey, type Tier } from '../../contract/index.js';
import { cutoff, tierOf } from '../../memory/index.js';
import type { MemoryExplanation, MoveObstacle, NextMove, Pin, TierPolicy } from '../store.js';
import type { ExplainedPlacement } from './catalog/explain.js';
import type { EngineContext } from './context.js';
import { tableFor } from './tiers/tables.js';

const DAY_MS = 86_400_000;

/** See `MemoryStore.explainMemory`. */
export async function explainMemory(
  context: EngineContext,
  key: MemoryKey,
  asOf: number,
): Promise<MemoryExplanation | undefined> {
  const { read } = context.catalog;
  const placed = await read.explainPlacement({ key, now: context.now() });
  if (placed === undefined) return undefined;
  const { tier, ownTime, project, object, keeper, pins, held, moving, history, ...version } = placed;
  return {
    ...key,
    tier,
    ownTime,
    project,
    version,
    object,
    table: tier === 'cold' ? null : tableFor(tier, ownTime).name,
    keeper,
    pins,
    lastError: held === null ? null : { reason: held.reason, retriedAt: held.until },
    moving,
    history,
    why: whyThere(placed, asOf, context.policy),
    next: await nextMove(context, key.systemId, placed, asOf),
  };
}

function whyThere({ tier, ownTime, pins }: ExplainedPlacement, asOf: number, policy: TierPolicy): string {
  const { hotDays, warmDays } = policy;
  const belongs = tierOf(ownTime, asOf, policy);
  const rule =
    `its own time is ${isoTime(ownTime)}, ${days(asOf - ownTime)} before ${isoTime(asOf)}; hot is younger than ${hotDays} days, ` +
    `warm younger than ${warmDays}`;
  if (belongs === tier) return rule;
  const pin = pins.find((candidate) => keepsIn(candidate, tier));
  if (pin !== undefined) return `${rule}; by that it would be ${belongs}, but ${describePin(pin)}`;
  return `${rule}; by that it is to be ${belongs}, and was not moved yet`;
}

const COLDER = { hot: 'warm', warm: 'cold' } as const;

async function nextMove(
  context: EngineContext,
  systemId: string,
  placed: ExplainedPlacement,
  asOf: number,
): Promise<NextMove | null> {
  const { tier, ownTime } = placed;
  if (tier === 'cold') return null;
  const { hotDays, warmDays } = context.policy;
  const due = ownTime + (tier === 'hot' ? hotDays : warmDays) * DAY_MS;
  const waitsFor: MoveObstacle[] = [];
  if (ownTime > cutoff(tier, asOf, context.policy))
    waitsFor.push({ what: 'age', until: due, detail: `it is due at ${isoTime(due)}` });
  for (const pin of placed.pins.filter((candidate) => keepsIn(candidate, tier)))
    waitsFor.push({ what: 'pin', until: pin.until, detail: describePin(pin) });
  if (placed.held !== null) {
    const { reason, until } = placed.held;
    const detail = `it could not be moved (${reason ?? 'the reason is not on record'}), and is tried again at ${isoTime(until)}`;
    waitsFor.push({ what: 'fault', until, detail });
  }
  if (placed.moving !== null) {
    const { opId, leaseUntil } = placed.moving;
    waitsFor.push({ what: 'batch', until: leaseUntil, detail: `operation ${opId} is moving it now` });
  }
  if (tier === 'warm') waitsFor.push(...(await coldObstacles(context, systemId, placed, asOf, due)));
  return { to: COLDER[tier], due, waitsFor };
}

/** What concerns cold objects alone: the receipt of the upload, and enough rows for an object. */
async function coldObstacles(
  context: EngineContext,
  systemId: string,
  { ownTime, uploadId, uploadState }: ExplainedPlacement,
  asOf: number,
  due: number,
): Promise<MoveObstacle[]> {
  const obstacles: MoveObstacle[] = [];
  if (uploadState === 'pending' || uploadState === 'committed') {
    const detail = `upload ${uploadId} is ${uploadState}, and only what has a receipt goes to cold`;
    obstacles.push({ what: 'receipt', until: null, detail });
  }
  if (due > asOf) return obstacles;
  const { coldBatchRows, coldOverdueDays } = context.policy;
  const date = new Date(ownTime);
  const from = Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
  const until = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
  const { rows, oldest } = await context.catalog.read.partitionDue({
    systemId,
    from,
    until,
    cutoff: context.warmCutoff(asOf),
  });
  const latest = (oldest ?? ownTime) + (context.policy.warmDays + coldOverdueDays) * DAY_MS;
  if (rows < coldBatchRows && latest > asOf) {
    const detail =
      `${rows} memories of its system and month are due for cold; an object is written once ${coldBatchRows} are, ` +
      `or at ${isoTime(latest)}`;
    obstacles.push({ what: 'company', until: latest, detail });
  }
  return obstacles;
}

function keepsIn({ tier }: Pin, at: Tier): boolean {
  return at !== 'cold' && !(tier === 'warm' && at === 'hot');
}

function describePin({ source, kind, tier, until, reason }: Pin): string {
  const subject = kind === null ? 'its system' : 'it';
  const where = tier === null ? 'where it is' : `in ${tier}, or warmer`;
  const end = until === null ? '' : ` until ${isoTime(until)}`;
  const cause = reason === null ? '' : ` (${reason})`;
  return source === 'thaw'
    ? `it was thawed and stays${end}`
    : `${subject} is pinned to stay ${where}${end}${cause}`;
}

function days(ms: number): string {
  return `${(ms / DAY_MS).toFixed(1)} days`;
}
