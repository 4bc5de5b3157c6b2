import assert from 'node:assert/strict';
import type { Patch } from './library.js';
import type { World } from './world.js';

export interface Guard {
  name: string;
  /** What goes wrong without it. */
  prevents: string;
  /**
   * Changes under which the guard is looked at, in place as well as taken out: a step slowed down so that two meet, or a second line of
   * defence taken away that would hide what the first one prevents.
   */
  conditions?: Patch[];
  /** Takes the guard out. */
  without: Patch[];
  /** What shows it asserts with the message `broken`: without the guard that assertion has to fail, and no other. */
  scenario: (world: World, broken: string) => Promise<void>;
}

/** Compiled files that guards stand in. */
export const FILES = {
  again: 'store/embedded/catalog/again.js',
  classify: 'store/embedded/catalog/classify.js',
  currentRows: 'store/embedded/current-rows.js',
  damage: 'store/embedded/damage.js',
  database: 'store/embedded/catalog/database.js',
  ingest: 'store/embedded/catalog/ingest.js',
  known: 'store/embedded/catalog/known.js',
  moves: 'store/embedded/catalog/moves.js',
  rebuildObjects: 'store/embedded/catalog/rebuild-objects.js',
  rebuildStore: 'maintenance/rebuild/rebuild-store.js',
  operations: 'store/embedded/catalog/operations.js',
  schema: 'store/embedded/catalog/schema.js',
  sweep: 'store/embedded/catalog/sweep.js',
  uploadOrder: 'store/embedded/catalog/upload-order.js',
  uploads: 'store/embedded/catalog/uploads.js',
} as const;

export async function expectText(world: World, id: string, text: string, broken?: string): Promise<void> {
  assert.equal((await world.find(id))?.content, text, broken);
}
