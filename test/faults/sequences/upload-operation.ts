import { join } from 'node:path';
import { FAIL_POINTS } from '../../../src/faults/index.js';
import { openHost, syncDirectly, type OpenHost } from '../../../src/upload/index.js';
import { makeDatabase } from '../../support/databases.js';
import type { Memory } from './arrival.js';
import type { FaultWorld } from './fault-world.js';
import type { Operation, OperationState } from './operations.js';

/** A host with a real database and outbox, its data folder on the same disk. */
export function uploadOf(
  world: FaultWorld,
  state: OperationState,
  memory: (age: number) => Memory,
): Operation {
  const database = join(world.data, 'host.duckdb');
  let host: OpenHost | undefined;
  const open = (): OpenHost =>
    (host ??= openHost({
      systemId: 'agent',
      dataDir: join(world.data, 'agent'),
      databases: [database],
      uploads: world.objects,
      reader: world.reader,
      timeZone: 'UTC',
      now: () => world.now,
      rules: { forceMethod: 'auto', enableFallback: true, maxRetries: 0, retryBackoffMs: 1 },
    }));
  return {
    points: FAIL_POINTS.filter((point) => point.startsWith('upload.')),
    prepare: async () => {
      const memories = [memory(0)];
      state.uploads += 1;
      await makeDatabase(
        database,
        'CREATE OR REPLACE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
        ...memories.map(({ id, text }) => `INSERT INTO conversations_v2 VALUES ('${id}', '${text}')`),
      );
      world.acknowledged('agent', memories);
    },
    attempt: async () => {
      await syncDirectly(open(), { uploadId: `agent-${state.uploads}` });
      await world.drain('agent');
    },
  };
}
