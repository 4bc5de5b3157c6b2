import { createHash, type Hash } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { failPoint } from '../../../faults/index.js';
import { EMBEDDING_DIMENSIONS } from '../../../memory/index.js';
import { isMissing, syncFolder } from '../../../runtime/index.js';
import { Graph } from './graph.js';
import { IndexRows } from './index-rows.js';

/**
 * One file: usearch's bytes, the matrix, the columns, whether the graph holds each row, a header in JSON, and a trailer of 64 bytes: the
 * mark, the header's length, and the SHA-256 of these and of all before. One file, so that one rename puts all of it in place.
 */
const MARK = Buffer.from('AKVINDEX');
/** With any change of the layout, or of usearch's own, another one: what an older build wrote is made anew. */
const LAYOUT = 3;
const TRAILER_BYTES = 64;
const HASH_BYTES = 32;
const READ_BYTES = 2 ** 20;

const Names = z.array(z.string());
const Header = z.object({
  layout: z.literal(LAYOUT),
  model: z.string(),
  epoch: z.number(),
  dimensions: z.literal(EMBEDDING_DIMENSIONS),
  /** The last change that it holds. */
  seq: z.number(),
  slots: z.int().nonnegative(),
  graph: z.object({
    bytes: z.int().nonnegative(),
    fillers: z.object({ from: z.int(), until: z.int() }),
  }),
  names: z.object({ systems: Names, projects: Names }),
});

/** Whose index it is, and up to which change. */
export interface IndexIdentity {
  model: string;
  epoch: number;
  seq: number;
}

export interface IndexContent {
  rows: IndexRows;
  graph: Graph;
  /** Slots that the graph does not hold yet. */
  waiting: Set<number>;
}

/** The file is the new one whole, or after a crash the one before. Nothing may change the content meanwhile. */
export async function writeIndexFile(
  path: string,
  identity: IndexIdentity,
  content: IndexContent,
): Promise<void> {
  const temporary = temporaryOf(path);
  try {
    await writeTemporary(temporary, identity, content);
    failPoint('index.before-rename');
    await rename(temporary, path);
  } catch (error) {
    // On a full disk others need its room.
    await rm(temporary, { force: true });
    throw error;
  }
  failPoint('index.after-rename');
  await syncFolder(dirname(path));
}

async function writeTemporary(
  temporary: string,
  { model, epoch, seq }: IndexIdentity,
  { rows, graph, waiting }: IndexContent,
): Promise<void> {
  graph.save(temporary);
  failPoint('index.after-graph');
  const file = await open(temporary, 'r+');
  try {
    const { size: bytes } = await file.stat();
    const header = Buffer.from(
      JSON.stringify({
        layout: LAYOUT,
        model,
        epoch,
        dimensions: EMBEDDING_DIMENSIONS,
        seq,
        slots: rows.slots,
        graph: { bytes, ...graph.state },
        names: rows.names,
      } satisfies z.input<typeof Header>),
    );
    let position = bytes;
    for (const part of [...partsOf(rows, graphMarks(rows, waiting)), header]) {
      await writeWhole(file, part, position);
      position += part.byteLength;
    }
    await writeWhole(file, await trailer(file, position, header.byteLength), position);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A call may write less than it was given: the last of a disk's room, or of what one call can take. The next one tells what is wrong. */
async function writeWhole(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.byteLength;) {
    const { bytesWritten } = await file.write(bytes, written, bytes.byteLength - written, position + written);
    written += bytesWritten;
  }
}

/**
 * Undefined where there is no file, and where the one there is is not whole, another build's, another model's or another catalog's: an
 * index can be made anew. Its graph is read only once the checksum is known to be right.
 */
export async function readIndexFile(
  path: string,
  wanted: Omit<IndexIdentity, 'seq'>,
): Promise<(IndexContent & { seq: number }) | undefined> {
  await rm(temporaryOf(path), { force: true });
  const file = await open(path, 'r').catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const header = await readHeader(file);
    if (header?.model !== wanted.model || header.epoch !== wanted.epoch) return undefined;
    const rows = new IndexRows();
    rows.restore(header.slots, header.names);
    const marks = new Uint8Array(header.slots);
    let position = header.graph.bytes;
    for (const part of partsOf(rows, marks)) {
      const { bytesRead } = await file.read(part, 0, part.byteLength, position);
      if (bytesRead < part.byteLength) return undefined;
      position += part.byteLength;
    }
    rows.restored();
    const graph = new Graph();
    graph.load(path, header.graph);
    const waiting = new Set([...rows.usedSlots()].filter((slot) => marks[slot] === 0));
    return graph.size === rows.count - waiting.size ? { rows, graph, waiting, seq: header.seq } : undefined;
  } finally {
    await file.close();
  }
}

/** Both: the file, and what a process that died was making of it. Nothing may read or write it meanwhile. */
export async function removeIndexFile(path: string): Promise<void> {
  for (const file of [path, temporaryOf(path)]) await rm(file, { force: true });
  await syncFolder(dirname(path));
}

/** In the order of the file, as views of what is in memory. */
function* partsOf(rows: IndexRows, marks: Uint8Array): Generator<Buffer> {
  for (const part of rows.matrix.parts(rows.slots)) yield bytesOf(part);
  for (const column of Object.values(rows.columns)) yield bytesOf(column.subarray(0, rows.slots));
  yield bytesOf(marks);
}

function graphMarks(rows: IndexRows, waiting: ReadonlySet<number>): Uint8Array {
  return Uint8Array.from({ length: rows.slots }, (_, slot) => (waiting.has(slot) ? 0 : 1));
}

function bytesOf(array: ArrayBufferView): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}

function temporaryOf(path: string): string {
  return `${path}.new`;
}

async function trailer(file: FileHandle, end: number, headerBytes: number): Promise<Buffer> {
  const bytes = Buffer.alloc(TRAILER_BYTES);
  MARK.copy(bytes);
  bytes.writeUInt32LE(headerBytes, MARK.byteLength);
  const hash = createHash('sha256').update(bytes);
  await hashInto(hash, file, end);
  hash.digest().copy(bytes, TRAILER_BYTES - HASH_BYTES);
  return bytes;
}

async function readHeader(file: FileHandle): Promise<z.output<typeof Header> | undefined> {
  const end = (await file.stat()).size - TRAILER_BYTES;
  if (end < 0) return undefined;
  const found = Buffer.alloc(TRAILER_BYTES);
  await file.read(found, 0, TRAILER_BYTES, end);
  const headerBytes = found.readUInt32LE(MARK.byteLength);
  if (headerBytes > end || !found.equals(await trailer(file, end, headerBytes))) return undefined;
  const text = Buffer.alloc(headerBytes);
  await file.read(text, 0, headerBytes, end - headerBytes);
  return Header.safeParse(JSON.parse(text.toString())).data;
}

async function hashInto(hash: Hash, file: FileHandle, end: number): Promise<void> {
  const buffer = Buffer.alloc(READ_BYTES);
  for (let position = 0; position < end;) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(READ_BYTES, end - position), position);
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
}
