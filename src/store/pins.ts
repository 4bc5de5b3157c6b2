import type { Kind, MemoryKey, SystemId } from '../contract/index.js';

/** A tier that memories can be kept in; out of cold they go by thawing alone. */
export type KeptTier = 'hot' | 'warm';

/** Keeps memories from getting colder than a tier. It moves nothing by itself. Times in milliseconds since 1970, by the system's clock. */
export interface Pin {
  systemId: SystemId;
  /** These two are null for all of a system. */
  kind: Kind | null;
  memoryId: string | null;
  /** `thaw`: made by a thaw, so that what it brought back does not age again at once. */
  source: 'pin' | 'thaw';
  /** The coldest that they may be in; null: whichever tier they are in. */
  tier: KeptTier | null;
  since: number;
  /** Null: until somebody takes it away. */
  until: number | null;
  reason: string | null;
}

export interface PinRequest {
  /** Null: the tier where each of them is now. */
  tier: KeptTier | null;
  reason: string | null;
}

export interface PinPageRequest {
  systemId?: SystemId | undefined;
  after?: PinPageStart | undefined;
  limit: number;
}

/** The pin that a page begins behind. */
export type PinPageStart = Pick<Pin, 'systemId' | 'kind' | 'memoryId' | 'source'>;

export interface PinPage {
  /** In order of system, kind and id; the pin of a system before those of its memories. */
  pins: Pin[];
  next: PinPageStart | null;
}

/** Memories that no transition moves. */
export interface PinLedger {
  /** Pins those of them that there are; returns how many. With no tier named it leaves out what is cold, which nothing moves. */
  pinMemories(memories: readonly MemoryKey[], request: PinRequest): Promise<number>;
  /** Of all that the system has and gets. */
  pinSystem(systemId: SystemId, request: PinRequest): Promise<void>;
  /** Takes away all pins of these memories, those of thaws too; returns how many. That of their system stays. */
  unpinMemories(memories: readonly MemoryKey[]): Promise<number>;
  /** Takes away the pin of a system and those of all its memories; returns how many. */
  unpinSystem(systemId: SystemId): Promise<number>;
  listPins(page: PinPageRequest): Promise<PinPage>;
}
