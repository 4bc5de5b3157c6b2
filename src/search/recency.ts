const DAY_MS = 86_400_000;

/** How much newer memories are preferred among those that match alike. */
export interface Recency {
  /** What a memory of this moment gains: 0.1 is a tenth of its score. 0: age does not count. */
  weight: number;
  /** After so many days half of that. */
  halfLifeDays: number;
}

export const NO_RECENCY: Recency = { weight: 0, halfLifeDays: 1 };

/** What the score of a memory of this own time is multiplied by at `now`; one of the future counts as of this moment. */
export function recencyFactor({ weight, halfLifeDays }: Recency, ownTime: number, now: number): number {
  return 1 + weight * 2 ** -(ageInDays(ownTime, now) / halfLifeDays);
}

export function ageInDays(ownTime: number, now: number): number {
  return Math.max(0, now - ownTime) / DAY_MS;
}
