import { expect, it } from 'vitest';
import { tellWhoeverIngests } from '../../src/processes/outage.js';

it('tells the runner of systems in an outage and Temporal otherwise, never both', async () => {
  const told: string[] = [];
  let isAway = false;
  const client = {
    nudgeIngest: (systemIds: readonly string[]) => {
      told.push(`Temporal: ${systemIds.join()}`);
      return Promise.resolve();
    },
  };
  const wake = (): boolean => {
    if (isAway) told.push('runner');
    return isAway;
  };
  const store = { nextUpload: () => Promise.resolve(undefined) };
  const ingest = tellWhoeverIngests(client, { wake }, { store });
  await ingest.nudgeIngest(['host-1']);
  isAway = true;
  await ingest.nudgeIngest(['host-2']);
  isAway = false;
  await ingest.nudgeIngest(['host-3']);
  expect(told).toEqual(['Temporal: host-1', 'runner', 'Temporal: host-3']);
});
