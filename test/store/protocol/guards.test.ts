import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GUARDS } from './all-guards.js';
import { loadPatched, loadProgram, type Library } from './library.js';
import { World } from './world.js';

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
