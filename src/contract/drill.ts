/** What a restore drill came to: the store rebuilt from object storage alone beside the one that serves, and compared with it. */
export interface DrillReport {
  passed: boolean;
  /** Why it failed. */
  reason: string | null;
  /** That were compared by content hash, and those of them left out because they came, changed or were forgotten since it began. */
  memories: number;
  later: number;
  /** Memories that differ, or stand in one of the two alone, and some of them. */
  mismatches: number;
  examples: string[];
  /** Journal and cold objects that were read. */
  objects: number;
  /** Of the rebuild and the comparison together. */
  seconds: number;
}
