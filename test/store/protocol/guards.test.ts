import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GUARDS } from './guards.js';
import { SWEEP_GUARDS } from './sweep-guards.js';
import { loadPatched, loadProgram, type Library } from './library.js';
import { World } from './world.js';

/**
 * Each guard's scenario holds on the program, and fails on a copy of the program with just that guard taken out: a test that
 * could not notice the guard's absence would prove nothing.
 */
describe.each([...GUARDS, ...SWEEP_GUARDS])('guard $name', ({ name, slow = [], without, scenario }) => {
  let program: Library;
  const removals: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    if (slow.length === 0) program = await loadProgram();
    else program = await patched(`${name}-slow`, slow);
  });

  afterAll(async () => {
    for (const remove of removals) await remove();
  });

  async function patched(as: string, patches: typeof slow): Promise<Library> {
    const { library, remove } = await loadPatched(as, patches);
    removals.push(remove);
    return library;
  }

  async function run(library: Library): Promise<void> {
    const world = await World.create(library);
    try {
      await scenario(world);
    } finally {
      await world.destroy();
    }
  }

  it('holds', async () => {
    await run(program);
  });

  it('is what makes it hold', async () => {
    await expect(run(await patched(name, [...slow, ...without]))).rejects.toThrow();
  });
});
