/** The file that the original server looked for in an upload: `{"conversations": [{"id", "content", "embedding", "timestamp", "source", "metadata"}]}`. */
export const MEMORIES_FILE = 'memories.json';

/** Whether a file of an upload is one, by its name: gzip or not, with or without the suffix. All others are databases and their logs. */
export function isMemoriesFile(name: string): boolean {
  return name === MEMORIES_FILE || name === `${MEMORIES_FILE}.gz`;
}
