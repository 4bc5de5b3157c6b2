/** What kinds of memory a host keeps, and where the store keeps them. */
export const KINDS = ['conversation', 'reflection', 'entity', 'relation'] as const;
export type Kind = (typeof KINDS)[number];

export const TIERS = ['hot', 'warm', 'cold'] as const;
export type Tier = (typeof TIERS)[number];

/** The tiers whose rows stand in a file of the server's disk, which can be lost and comes back from object storage. */
export const TABLE_TIERS = ['hot', 'warm'] as const satisfies readonly Tier[];
export type RepairableTier = (typeof TABLE_TIERS)[number];

/** 1 to 100 of `A-Za-z0-9_-`, made of a system's name by `escapeSystemId`: it is part of keys, ids and queue names. */
export type SystemId = string;

/** Identifies a memory for ever. Ids repeat across systems: same text on two hosts, same conversation id. */
export interface MemoryKey {
  systemId: SystemId;
  kind: Kind;
  memoryId: string;
}

/** A memory's key as one text. No part but the last can hold a slash. */
export function keyText({ systemId, kind, memoryId }: MemoryKey): string {
  return `${systemId}/${kind}/${memoryId}`;
}

/** What an ingest did with the rows of one upload. */
export interface RowCounts {
  new: number;
  changed: number;
  unchanged: number;
  /** Kept out: forgotten by a tombstone, or without what a memory needs (an id, a text, both within their bounds). */
  refused: number;
  /** Older than the version the store already has. */
  superseded: number;
  /** Of this system in the store, of a kind the upload covers, not in the upload, and kept. */
  absent: number;
  /** The same, and deleted: where the system is mirrored. */
  deleted: number;
  /** Not in the store, and older than memories are kept. Absent where there are none. */
  expired?: number;
}

export const NO_ROWS: RowCounts = {
  new: 0,
  changed: 0,
  unchanged: 0,
  refused: 0,
  superseded: 0,
  absent: 0,
  deleted: 0,
};

/**
 * - `pending`: queued. `committed`: its rows are placed, its receipt is due. `receipted`: its inbox entry is to go.
 * - `done`: nothing left to do. `raw_gone`: its files are deleted. `quarantined`: cannot be read; waits for a person.
 * - `dropped`: a person gave it up in quarantine.
 */
export const UPLOAD_STATES = [
  'pending',
  'committed',
  'receipted',
  'done',
  'raw_gone',
  'quarantined',
  'dropped',
] as const;
export type UploadState = (typeof UPLOAD_STATES)[number];

/** Names one upload. */
export interface UploadRef {
  systemId: SystemId;
  uploadId: string;
}
