import type { ColdPartitionPlan } from './activities.js';

/** A few seconds of work, after which progress is told. */
const LOT_ROWS = 50_000;

export type ColdLot = [ColdPartitionPlan, ...ColdPartitionPlan[]];

/**
 * Systems and months that one activity moves to cold: most have some thousand rows, which take less time than an activity's way to Temporal and back. A larger
 * one is a lot of its own.
 */
export function coldLots(partitions: readonly ColdPartitionPlan[]): ColdLot[] {
  const lots: ColdLot[] = [];
  let left = 0;
  for (const partition of partitions) {
    const last = lots.at(-1);
    if (last === undefined || partition.rows > left) {
      lots.push([partition]);
      left = LOT_ROWS - partition.rows;
    } else {
      last.push(partition);
      left -= partition.rows;
    }
  }
  return lots;
}
