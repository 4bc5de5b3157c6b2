import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAkoshaClient } from '../../src/client/index.js';
import { FAIL_POINTS } from '../../src/faults/index.js';
import { startTemporalServer, type RunningServer } from '../../src/servers/index.js';
import { Program } from '../support/program.js';
import { Receiver, SECRET } from '../support/receiver.js';

const POINTS = FAIL_POINTS.filter((point) => point.startsWith('outage.'));

/**
 * An outage of Temporal, with the program killed at each of its durable steps and started again every time: in the end it is one outage
 * with one record, of which everyone was told once.
 */
describe('the program, killed in an outage', () => {
  const receiver = new Receiver();
  let program: Program;
  let temporal: RunningServer;

  beforeAll(async () => {
    program = await Program.create({
      AKOSHA_OUTAGE_DETECTION_SECONDS: '1',
      AKOSHA_EMBEDDINGS: 'off',
      AKOSHA_ALERT_WEBHOOK_URL: await receiver.listen(),
      AKOSHA_ALERT_WEBHOOK_SECRET: SECRET,
    });
    // The alert's second target, so that the receiver has it and the program does not know.
    program.environment['AKOSHA_FAIL_POINT'] = POINTS.map((point) =>
      point === 'outage.after-alert' ? `${point}:2` : point,
    ).join(',');
    program.environment['AKOSHA_FAIL_RECORD'] = path.join(program.dataDir, 'struck');
    temporal = await startTemporalServer({ dataFolder: program.dataDir, uiPort: null });
    program.environment['TEMPORAL_ADDRESS'] = temporal.url;
    await program.up();
  });
  afterAll(async () => {
    receiver.close();
    await program.destroy();
    await temporal.stop();
  });

  /** Starts it again whenever it dies, until the test holds. */
  const keepRunningUntil = (what: string, test: () => Promise<boolean>): Promise<void> =>
    program.waitUntil(what, async () => {
      if (!program.running) program.launch();
      return test();
    });

  it(`at ${POINTS.join(', ')}`, async () => {
    process.kill(temporal.pid, 'SIGKILL');
    await keepRunningUntil('told', () => Promise.resolve(receiver.taken.length === 2));
    const port = temporal.ports['main'] ?? 0;
    temporal = await startTemporalServer({ dataFolder: program.dataDir, uiPort: null, port });

    const outages = path.join(program.dataDir, 'outage');
    const records = (await readdir(outages)).filter((name) => !name.endsWith('.json'));
    expect(records).toHaveLength(1);
    const stateFile = path.join(outages, records[0] ?? '', 'state.json');
    interface State {
      start: string;
      end: string | null;
      told: string[];
      replayed: boolean;
    }
    const state = async (): Promise<State> => JSON.parse(await readFile(stateFile, 'utf8')) as State;
    await keepRunningUntil('settled', async () => {
      const { replayed, told } = await state();
      return replayed && told.includes('webhook/resolve');
    });

    expect((await state()).told.toSorted()).toEqual([
      'log/resolve',
      'log/trigger',
      'webhook/resolve',
      'webhook/trigger',
    ]);
    const struck = (await readFile(path.join(program.dataDir, 'struck'), 'utf8')).trim().split('\n');
    expect(struck.toSorted()).toEqual([...POINTS].sort());
    // Whoever was told a second time knows it by the id.
    const told = new Map(receiver.taken.map(({ delivery, event }) => [delivery, event]));
    expect([...told.values()]).toEqual(['outage.began', 'outage.ended']);
    const client = createAkoshaClient({ address: temporal.url });
    const record = client.connection.temporal.workflow.getHandle(`outage/${(await state()).start}`);
    expect(await record.result()).toMatchObject({ end: (await state()).end });
    await client.close();
  }, 120_000);
});
