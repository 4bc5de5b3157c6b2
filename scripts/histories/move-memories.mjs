import { failingOnce, SYSTEM } from './doubles.mjs';

export const moveMemoriesPaths = () => ({
  'move-memories': { store: { moveChosen: batches(2) }, start: (client) => client.moveMemories(toCold()) },
  'move-memories-retried': {
    store: { moveChosen: failingOnce(batches(1)) },
    start: (client) =>
      client.moveMemories({ ...toCold(), action: 'thaw', to: 'hot', selection: { kind: 'reflection' } }),
  },
  'move-memories-paused': { store: { moveChosen: paused }, start: (client) => client.moveMemories(toCold()) },
  'move-memories-continued': {
    store: { moveChosen: batches(10) },
    start: (client) => client.moveMemories(toCold()),
    runs: true,
  },
});

function toCold() {
  return { action: 'move', to: 'cold', selection: { systemId: SYSTEM }, total: 20 };
}

/** Somebody has paused moving. */
async function paused({ after }) {
  return { due: 0, moved: 0, left: 0, next: after, paused: true };
}

/** So many batches of each way from tier to tier, one row of each left. */
function batches(count) {
  let done = 0;
  return async () => {
    done += 1;
    const next = done % count === 0 ? null : { systemId: SYSTEM, ownTime: done, pid: done };
    return { due: 9, moved: 9, left: 1, next };
  };
}
