import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { writeFileDurably } from '../runtime/index.js';

const State = z.object({
  version: z.literal(1),
  /** ISO 8601: when Temporal was last heard of, when the server took over, and when Temporal was back. */
  start: z.string(),
  detected: z.string(),
  end: z.string().nullable(),
  /** Notices that were taken, as `<target>/<event>`. */
  told: z.array(z.string()),
  /** Whether the record stands in Temporal as a workflow. */
  replayed: z.boolean(),
});
export type OutageState = z.infer<typeof State>;

/** Colons are not allowed in names everywhere. */
export function folderOf(outages: string, start: string): string {
  return path.join(outages, start.replaceAll(':', ''));
}

export function stepsFolder(folder: string): string {
  return path.join(folder, 'steps');
}

export function samplesFolder(folder: string): string {
  return path.join(folder, 'samples');
}

/** Undefined where the process died before it was there, or where it is of another version. */
export async function readState(folder: string): Promise<OutageState | undefined> {
  try {
    return State.parse(JSON.parse(await readFile(path.join(folder, 'state.json'), 'utf8')));
  } catch {
    return undefined;
  }
}

/** Durable when it returns. */
export async function writeState(folder: string, state: OutageState): Promise<void> {
  await writeFileDurably(path.join(folder, 'state.json'), `${JSON.stringify(state, null, 2)}\n`);
}
