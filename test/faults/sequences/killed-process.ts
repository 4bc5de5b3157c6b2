import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultWorld } from './fault-world.js';
import { partsOf, stateFile, type Life } from './life.js';
import { rebuildAll } from './lost-store.js';
import { newOperationState, operationsOf, type Operation } from './operations.js';
import { checkSearch, oneOf, random, requireTransient, SORTS, untilDone } from './promise.js';

/**
 * One life of a server in a sequence of kills: it finds what the one before left, answers what the model says, ends what was under way, and does
 * one operation with another system's ingest and searches beside it. It is killed wherever `AKOSHA_FAIL_POINT` lies. What is true of the world is
 * written down before anything is done that depends on it.
 *
 * Its arguments: folder, operation, seed.
 */

async function live(folder: string, name: string, seed: number): Promise<void> {
  const file = stateFile(folder);
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Life) : undefined;
  const state = before?.operations ?? newOperationState();
  let attempted = before?.attempted ?? null;
  const parts = await partsOf(folder);
  const save = (): void => {
    writeFileSync(`${file}.next`, JSON.stringify({ world: world.state, operations: state, attempted }));
    renameSync(`${file}.next`, file);
  };
  const world = new FaultWorld(parts, before?.world, save);
  const operations = operationsOf(world, state);
  const attempt = async (operation: Operation | undefined): Promise<void> => {
    if (operation !== undefined) await besides(world, random(seed), () => untilDone(operation.attempt));
    attempted = null;
    save();
  };

  if (!world.isLost) await world.openStore();
  await searches(world, 'after the kill');
  await world.comeAgain();
  // An attempt that saves the index finds it whole.
  if (attempted === 'index') await world.indexed();
  if (attempted !== null) await attempt(operations[attempted]);
  if (world.isLost) {
    await rebuildAll(world);
    world.isLost = false;
    await world.openStore();
  }
  if (state.isForgetting) await untilDone(() => operations['forget']?.attempt() ?? Promise.resolve());
  await untilDone(() => world.drainAll());
  await searches(world, 'once that is done');

  await operations[name]?.prepare();
  attempted = name;
  save();
  await attempt(operations[name]);
  await untilDone(() => world.drainAll());
  await searches(world, 'at the end');
  await world.closeStore();
  await parts.reader.close();
}

async function searches(world: FaultWorld, when: string): Promise<void> {
  for (const sort of SORTS) await checkSearch(world, { when, sort });
}

/** `work`, and beside it all the time another system's ingest and searches. */
async function besides(world: FaultWorld, next: () => number, work: () => Promise<void>): Promise<void> {
  let isOver = false;
  const repeat = async (once: () => Promise<void>): Promise<void> => {
    while (!isOver) {
      await once();
      await sleep(20);
    }
  };
  let ingested = 0;
  const ingest = async (): Promise<void> => {
    const [age, id] = [oneOf([1, 30, 120], next), `b${++ingested % 7}`];
    await world.arrive('beside', [{ id, text: `memory beside ${ingested} in ${process.pid}`, age }]);
    if (!world.isServing) return;
    try {
      await world.drain('beside');
    } catch (error) {
      requireTransient(error);
    }
  };
  const search = (): Promise<void> => checkSearch(world, { when: 'beside it', sort: oneOf(SORTS, next) });
  const end = work().finally(() => {
    isOver = true;
  });
  await Promise.all([end, repeat(ingest), repeat(search)]);
}

const [folder, name, seed] = process.argv.slice(2);
if (folder === undefined || name === undefined || seed === undefined)
  throw new Error('folder, operation, seed');
await live(folder, name, Number(seed));
