import type { Kind, Tier } from './memory.js';

/** What a forget is of. A project without a system is that of every system. */
export type ForgetScope =
  | { scope: 'system'; systemId: string }
  | { scope: 'project'; project: string; systemId: string | null }
  | { scope: 'memory'; systemId: string; kind: Kind; memoryId: string };

/** What a forget removed, added up over its steps and over what became of them in crashes. */
export interface ForgetCounts {
  /** That were found until then, by the tier that they were in. */
  memories: Record<Tier, number>;
  /** That the server had made of them. */
  vectors: number;
  /** Of hot and warm, older versions and what dead attempts left included. One deleted just before a crash may be missing. */
  rows: number;
  /** Journal and cold objects. */
  objectsDeleted: number;
  objectsRewritten: number;
  /** Of which the raw files were deleted. */
  uploads: number;
}

export const NOTHING_FORGOTTEN: ForgetCounts = {
  memories: { hot: 0, warm: 0, cold: 0 },
  vectors: 0,
  rows: 0,
  objectsDeleted: 0,
  objectsRewritten: 0,
  uploads: 0,
};

/** What one look over everything that can hold forgotten rows found, and erased. Nothing, where it is as it should be. */
export interface ErasePass {
  rows: number;
  objects: number;
  uploads: number;
}

export interface ForgetSystemInput {
  scope: ForgetScope;
}

export interface ForgetSystemResult {
  scopeId: string;
  counts: ForgetCounts;
}
