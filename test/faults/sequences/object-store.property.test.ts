import { vi } from 'vitest';
import type { FailPoint } from '../../../src/faults/index.js';
import { keepsThePromise } from './carry-out.js';
import { openBehindNetwork } from './fault-kinds.js';
import { listener } from './reached.js';

vi.mock('../../../src/faults/index.js', async (original) => ({
  ...(await original<object>()),
  failPoint: (point: FailPoint) => listener.tell(point),
}));
vi.mock('../../../src/store/embedded/vector-index/thread.js', async () => ({
  IndexThread: (await import('./in-process.js')).IndexInProcess,
}));

keepsThePromise('the object store away', openBehindNetwork);
