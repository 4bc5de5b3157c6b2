let count = 0;

/** Counts `work` for as long as it takes. Of all stores in this process: it says how busy the process is. */
export async function inHand<T>(work: () => Promise<T>): Promise<T> {
  count++;
  try {
    return await work();
  } finally {
    count--;
  }
}

/** Ingests that this process has in hand beside the one that asks. */
export function othersInHand(): number {
  return Math.max(0, count - 1);
}
