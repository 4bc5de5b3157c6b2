import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import type { MoveMemoriesInput, StoreActivities } from '../../src/contract/index.js';
import { createNamespace, gate, type RunningWorkers, type TestNamespace } from '../support/temporal.js';

type Asked = Parameters<StoreActivities['moveChosen']>[0];

describe('moveMemories', () => {
  let temporal: TestNamespace;
  let workers: RunningWorkers | undefined;

  beforeAll(async () => {
    temporal = await createNamespace(inject('temporal').address);
  });
  afterEach(async () => {
    await workers?.stop();
    workers = undefined;
  });
  afterAll(() => temporal.close());

  const toCold: Omit<MoveMemoriesInput, 'state'> = {
    action: 'move',
    to: 'cold',
    selection: { systemId: 'a', kind: 'entity' },
    total: 5,
  };

  it('goes through each way once, from batch to batch, and adds up', async () => {
    const asked: Asked[] = [];
    const next = { systemId: 'a', ownTime: 1, pid: 1 };
    const held = [{ reason: 'copy_differs', rows: 1, example: 'a/entity/x' } as const];
    workers = await temporal.runWorkers({
      store: {
        // A double that keeps what is asked for; what a batch does is tested with the store.
        moveChosen: (input) => {
          asked.push(input);
          return Promise.resolve({ due: 2, moved: 1, left: 1, held, next: asked.length === 1 ? next : null });
        },
      },
    });
    const run = await temporal.client.moveMemories(toCold);
    expect(run.workflowId).toBe('move/a');
    expect(await run.result()).toEqual({ moved: 3, left: 3, held: 3 });
    const { selection } = toCold;
    expect(asked).toEqual([
      { selection, from: 'hot', to: 'warm', after: null },
      { selection, from: 'hot', to: 'warm', after: next },
      { selection, from: 'warm', to: 'cold', after: null },
    ]);
    const again = temporal.client.movedMemories(run.workflowId, run.runId);
    expect(await again.result()).toEqual({ moved: 3, left: 3, held: 3 });
  });

  it('is refused while memories of the same system are being moved, and not for another', async () => {
    const closed = gate();
    workers = await temporal.runWorkers({
      store: {
        moveChosen: async () => {
          await closed.opened;
          return { due: 0, moved: 0, left: 0, next: null };
        },
      },
    });
    const run = await temporal.client.moveMemories(toCold);
    await expect(temporal.client.moveMemories({ ...toCold, to: 'warm' })).rejects.toMatchObject({
      type: 'MoveUnderWay',
      message: expect.stringContaining('move/a'),
    });
    const thaw = { action: 'thaw', to: 'hot', selection: { project: 'p' }, total: 1 } as const;
    const other = await temporal.client.moveMemories(thaw);
    expect(other.workflowId).toBe('move');
    closed.open();
    await Promise.all([run.result(), other.result()]);
    // Once it is over.
    await (await temporal.client.moveMemories(toCold)).result();
  });
});
