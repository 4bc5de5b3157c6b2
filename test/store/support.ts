import { onTestFinished } from 'vitest';
import * as contract from '../../src/contract/index.js';
import * as ingest from '../../src/ingest/index.js';
import * as maintenance from '../../src/maintenance/index.js';
import * as objects from '../../src/objects/index.js';
import * as database from '../../src/store/embedded/catalog/database.js';
import * as store from '../../src/store/index.js';
import { World } from './protocol/world.js';

/** A store from the sources, so that a test can look at what the engine does inside. */
export async function openWorld(): Promise<World> {
  const world = await World.create({ contract, ingest, objects, store, maintenance, database, load });
  onTestFinished(() => world.destroy());
  return world;
}

/** Whoever works with the sources imports what else he needs. */
function load(file: string): Promise<never> {
  return Promise.reject(new Error(`${file} is to be imported`));
}
