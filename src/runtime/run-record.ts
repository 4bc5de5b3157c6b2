import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { isRunning, processStart } from './process.js';

const RunRecordSchema = z.object({
  version: z.literal(1),
  pid: z.number().int().positive(),
  /** With the pid, this process and no later one; see `processStart`. */
  started_at: z.string().min(1),
  roles: z.array(z.enum(['server', 'agent'])),
  system_id: z.string().nullable(),
  api_url: z.url().nullable(),
  temporal_address: z.string().nullable(),
  temporal_namespace: z.string(),
  temporal_ui_url: z.string().nullable(),
  object_store: z.string(),
  archive_store: z.string(),
});

/** Where a running program can be reached: what other commands need to find it, also with ports that it chose itself. */
export type RunRecord = Omit<z.infer<typeof RunRecordSchema>, 'version' | 'pid' | 'started_at'>;

export type RunningProgram = z.infer<typeof RunRecordSchema>;

function recordFile(dataDir: string): string {
  return path.join(dataDir, 'run', 'akosha.json');
}

/** Says that this process serves this data folder. Replaced whole, so that a reader never sees half of it. */
export async function writeRunRecord(dataDir: string, record: RunRecord): Promise<void> {
  const file = recordFile(dataDir);
  const content = { version: 1, pid: process.pid, started_at: processStart(process.pid), ...record };
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(`${file}.${process.pid}`, `${JSON.stringify(content, null, 2)}\n`);
  await rename(`${file}.${process.pid}`, file);
}

export async function removeRunRecord(dataDir: string): Promise<void> {
  const record = await readRecord(dataDir);
  if (record?.pid === process.pid) await rm(recordFile(dataDir), { force: true });
}

/** The program that runs for this data folder; undefined where none does, also where one was killed. */
export async function findRunning(dataDir: string): Promise<RunningProgram | undefined> {
  const record = await readRecord(dataDir);
  return record !== undefined && isRunning({ pid: record.pid, startedAt: record.started_at })
    ? record
    : undefined;
}

/** A file of another shape is another version's: it records nothing that this one could use. */
async function readRecord(dataDir: string): Promise<RunningProgram | undefined> {
  try {
    return RunRecordSchema.parse(JSON.parse(await readFile(recordFile(dataDir), 'utf8')));
  } catch {
    return undefined;
  }
}
