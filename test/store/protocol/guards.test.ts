import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AGAIN_GUARDS } from './again-guards.js';
import { COMPACT_GUARDS } from './compact-guards.js';
import { DAMAGE_GUARDS } from './damage-guards.js';
import { EXPIRY_GUARDS } from './expiry-guards.js';
import { FORGET_GUARDS } from './forget-guards.js';
import { INGEST_GUARDS } from './ingest-guards.js';
import { KNOWN_GUARDS } from './known-guards.js';
import { LATE_UPLOAD_GUARDS } from './late-upload-guards.js';
import { LEFTOVER_GUARDS } from './leftover-guards.js';
import { loadPatched, loadProgram, type Library } from './library.js';
import { MIRROR_GUARDS } from './mirror-guards.js';
import { MOVE_GUARDS } from './move-guards.js';
import { OPERATION_GUARDS } from './operation-guards.js';
import { REBUILD_GUARDS } from './rebuild-guards.js';
import { REPAIR_GUARDS } from './repair-guards.js';
import { RETENTION_GUARDS } from './retention-guards.js';
import { SCRUB_GUARDS } from './scrub-guards.js';
import { SWEEP_GUARDS } from './sweep-guards.js';
import { THAW_GUARDS } from './thaw-guards.js';
import { World } from './world.js';

/** Those of the protocol's table that concern ingest, moves, the sweep, the rebuild, forgetting, damage, retention and the scrub. */
const GUARDS = [
  ...INGEST_GUARDS,
  ...KNOWN_GUARDS,
  ...AGAIN_GUARDS,
  ...MIRROR_GUARDS,
  ...OPERATION_GUARDS,
  ...MOVE_GUARDS,
  ...COMPACT_GUARDS,
  ...SWEEP_GUARDS,
  ...REBUILD_GUARDS,
  ...THAW_GUARDS,
  ...FORGET_GUARDS,
  ...LEFTOVER_GUARDS,
  ...LATE_UPLOAD_GUARDS,
  ...REPAIR_GUARDS,
  ...DAMAGE_GUARDS,
  ...RETENTION_GUARDS,
  ...SCRUB_GUARDS,
  ...EXPIRY_GUARDS,
];

/**
 * Each guard's scenario holds on the program, and fails on a copy of the program with just that guard taken out: a test that
 * could not notice the guard's absence would prove nothing.
 */
describe.each(GUARDS)('guard $name', ({ name, prevents, conditions = [], without, scenario }) => {
  let program: Library;
  const removals: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    if (conditions.length === 0) program = await loadProgram();
    else program = await patched(`${name}-conditions`, conditions);
  });

  afterAll(async () => {
    for (const remove of removals) await remove();
  });

  async function patched(as: string, patches: typeof without): Promise<Library> {
    const { library, remove } = await loadPatched(as, patches);
    removals.push(remove);
    return library;
  }

  async function run(library: Library): Promise<void> {
    const world = await World.create(library);
    try {
      await scenario(world, prevents);
    } finally {
      await world.destroy();
    }
  }

  it('holds', async () => {
    await run(program);
  });

  it('is what makes it hold', async () => {
    const mutant = await patched(name, [...conditions, ...without]);
    // Any other error would be some neighbouring rule's, or a scenario that does not get as far as the guard.
    await expect(run(mutant)).rejects.toMatchObject({
      code: 'ERR_ASSERTION',
      message: expect.stringContaining(prevents),
    });
  });
});
