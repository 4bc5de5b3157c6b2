/** A vector, and the model that made it: it means nothing beside one of another model. */
export interface ModelVector {
  model: string;
  /** Of length 1. */
  values: Float32Array;
}

/** A model whose vectors the store has or is getting. */
export interface VectorModel {
  name: string;
  /** `current`: searches go by its vectors. `next`: the store is being moved to it. */
  role: 'current' | 'next';
  /** When it became that, milliseconds since 1970 by the system's clock. */
  since: number;
  /** Memories that stood when it became that. */
  total: number;
  /** Memories that wait for a vector of it. */
  waiting: number;
}

export interface ModelNames {
  current: string;
  next: string | null;
  old: boolean;
}

/** A memory's text that waits for a vector, by the row that it was read from. */
export interface WaitingText {
  rowId: number;
  /** As much of the text as a model can take in. */
  content: string;
}

/** Why texts that wait were not read. They go on waiting. */
export interface WaitingFault {
  reason: string;
  memories: number;
  /** Whether what keeps them is gone or corrupt, rather than away for now. */
  lost: boolean;
}

/** How far a walk over what waits has come. A new one begins at `FIRST_WAITING`. */
export interface WaitingCursor {
  /** Of what is not cold. */
  readonly placement: number;
  /** Of what is cold: the object, and the placement in it. */
  readonly object: number;
  readonly inObject: number;
}

export const FIRST_WAITING: WaitingCursor = { placement: -1, object: -1, inObject: -1 };

export interface WaitingTexts {
  /** May be none, also of a part that is not the last. */
  texts: WaitingText[];
  /** One for each object or table that could not be read. */
  faults: WaitingFault[];
  /** Where the next part begins; null behind the last. */
  next: WaitingCursor | null;
}

export interface MadeVector {
  rowId: number;
  vector: Float32Array;
}

/**
 * Vectors that the server makes itself, of memories that came without one, or with one of another model. They are derived: no part
 * of a memory, its hash, its journal or its tier, and gone with it. What waits is written down by the commit that places a memory.
 */
export interface VectorStore {
  /** Of which models vectors are wanted now, and whether an old one's are still to be deleted. A look-up. */
  modelNames(): Promise<ModelNames>;
  /** The current model, and the next where there is one. Counts what waits. */
  vectorModels(): Promise<VectorModel[]>;
  /**
   * A part of what waits for vectors of a model, from behind `after` on. What is cold comes last, object by object, so that each is
   * downloaded once however small the cache is; what is new meanwhile comes before more of it. What has a vector from its host already is
   * taken off the list on the way. Raises `Cancelled` soon after the signal is raised, downloads included.
   */
  waitingTexts(
    model: string,
    after: WaitingCursor,
    limit: number,
    signal?: AbortSignal,
  ): Promise<WaitingTexts>;
  /** Keeps vectors of rows that still count, and takes them off the list. A row that was replaced meanwhile goes on waiting. */
  keepVectors(model: string, vectors: readonly MadeVector[]): Promise<void>;
  /** Takes rows off the list of which no vector can be made. */
  giveUpVectors(model: string, rowIds: readonly number[]): Promise<void>;
  /**
   * Begins to move the store to a model, or joins the move to it that is under way; to ask for the current one gives up a move. Raises
   * `BadRequest` while a move to a third is under way.
   */
  beginModelMove(name: string): Promise<void>;
  /**
   * Makes the next model the current one, if no more memories wait for it than the `lost`, whose texts are not to be had: those go on
   * waiting. Returns whether it did.
   */
  finishModelMove(lost: number): Promise<boolean>;
  /** Of the current model, and of the next. Empty where there are none by the setting. */
  vectorIndexes(): Promise<VectorIndexStatus[]>;
  /** Deletes some vectors of models that are neither current nor next; returns how many, 0 once there are none. */
  deleteOldVectors(limit: number): Promise<number>;
}

/** `filling`: it is being read or made, and searches compare with all vectors. `full`: there is no room for it. */
export type VectorIndexState = 'filling' | 'ready' | 'full' | 'failed';

/** The index over the vectors of one model in hot and warm. */
export interface VectorIndexStatus {
  model: string;
  state: VectorIndexState;
  /** Why it is not ready, where it will not be soon. */
  reason: string | null;
  rows: number;
  /** Of these, those that are still to be put into its graph. They are searched all the same. */
  waiting: number;
  /** Changes of placements that it has still to follow. */
  behind: number;
  /** Of memory, about. */
  bytes: number;
}
