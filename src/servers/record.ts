import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { ServerName } from './packages.js';
import { endProcess, isRunning } from '../runtime/index.js';

/**
 * A server that the program started and may find again after its own sudden end. The file is written and read in one
 * turn of the event loop each, so that two servers started side by side cannot lose each other's entry.
 */
const ServerRecordSchema = z.object({
  name: z.enum(['temporal', 'weed']),
  pid: z.number().int().positive(),
  /** With the pid, this and no later process; see `processStart`. */
  startedAt: z.string().min(1),
  ports: z.record(z.string(), z.number().int()),
  url: z.string(),
  logFile: z.string(),
  executable: z.string(),
  /** The data folder it was started for: its path then, and the folder itself, which keeps its id when renamed. */
  folder: z.object({ path: z.string(), id: z.string() }),
});
export type ServerRecord = z.infer<typeof ServerRecordSchema>;

const RecordFileSchema = z.object({ version: z.literal(1), servers: z.array(ServerRecordSchema) });

/** The servers on record. A file that cannot be read as such records nothing: then nothing is adopted or ended. */
export function readRecords(recordFile: string): ServerRecord[] {
  try {
    return RecordFileSchema.parse(JSON.parse(readFileSync(recordFile, 'utf8'))).servers;
  } catch {
    return [];
  }
}

/** Replaces the record of the server of this name. On disk before it returns. */
export function writeRecord(recordFile: string, record: ServerRecord): void {
  replaceRecords(recordFile, [...readRecords(recordFile).filter(({ name }) => name !== record.name), record]);
}

/** Forgets the server of this name, unless the record is by now of another process. */
export function removeRecord(recordFile: string, { name, pid }: Pick<ServerRecord, 'name' | 'pid'>): void {
  const records = readRecords(recordFile);
  const rest = records.filter((record) => record.name !== name || record.pid !== pid);
  if (rest.length !== records.length) replaceRecords(recordFile, rest);
}

export function folderIdentity(path: string): ServerRecord['folder'] {
  const { dev, ino } = statSync(path, { bigint: true });
  return { path, id: `${dev}:${ino}` };
}

export interface AdoptionOptions {
  name: ServerName;
  /** The data folder, which exists. */
  dataFolder: string;
  /** False where the settings now want another server than the recorded one: it is ended then. */
  wanted: (record: ServerRecord) => boolean;
  /** Resolves where the server of the record answers. */
  answers: (record: ServerRecord) => Promise<void>;
}

/**
 * Decides about the server that an earlier run of the program left behind, and returns it if it is to be used on.
 *
 * - Gone, or its number now belongs to another process: forgotten, and nobody is signalled.
 * - Started for another data folder (this record came along in a copy of that folder): forgotten, left alone.
 * - Ours, wanted and answering: adopted.
 * - Ours and anything else (other settings, folder renamed under it, no answer): ended, then forgotten.
 */
export async function adoptOrEnd(
  recordFile: string,
  options: AdoptionOptions,
): Promise<ServerRecord | undefined> {
  const record = readRecords(recordFile).find(({ name }) => name === options.name);
  if (record === undefined) return undefined;
  const here = folderIdentity(options.dataFolder);
  const samePath = record.folder.path === here.path;
  const sameFolder = record.folder.id === here.id;
  if (isRunning(record) && (samePath || sameFolder)) {
    const wanted = samePath && sameFolder && options.wanted(record);
    if (wanted && (await isAnswering(record, options.answers))) return record;
    await endProcess(record, wanted ? SILENT_GRACE_MS : undefined);
  }
  removeRecord(recordFile, record);
  return undefined;
}

/** One silent moment does not condemn a server on a busy machine. */
const ANSWER_ATTEMPTS = 3;
/** For a server that did not answer by then: it will hardly shut down in good order, and the program waits for it. */
const SILENT_GRACE_MS = 3_000;

async function isAnswering(record: ServerRecord, answers: AdoptionOptions['answers']): Promise<boolean> {
  for (let attempt = 0; attempt < ANSWER_ATTEMPTS; attempt += 1) {
    try {
      await answers(record);
      return true;
    } catch {
      // Asked again; a server that never answers is replaced, and the new one's log says what is wrong.
    }
  }
  return false;
}

function replaceRecords(recordFile: string, servers: ServerRecord[]): void {
  mkdirSync(dirname(recordFile), { recursive: true, mode: 0o700 });
  if (servers.length === 0) {
    rmSync(recordFile, { force: true });
    return;
  }
  const next = `${recordFile}.next`;
  const file = openSync(next, 'w', 0o600);
  try {
    writeSync(file, `${JSON.stringify({ version: 1, servers }, null, 2)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(next, recordFile);
}
