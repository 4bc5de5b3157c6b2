import { Writable } from 'node:stream';
import { expect, inject, it, onTestFinished } from 'vitest';
import { loadSettings } from '../../src/config/index.js';
import { openServerParts } from '../../src/processes/server-parts.js';
import { createLog, createMetrics, renderMetrics } from '../../src/telemetry/index.js';
import { s3Url } from '../objects/stores.js';
import { temporaryFolder } from '../reader/support.js';
import { startFaultProxy } from '../support/fault-proxy.js';

it('a server tells of each object store that it calls whether calls go through, in metrics and log', async () => {
  const home = await temporaryFolder();
  const proxy = await startFaultProxy(inject('s3').endpoint);
  onTestFinished(() => proxy.close());
  const env = {
    HOME: home,
    AKOSHA_DATA_DIR: home,
    AKOSHA_READER_PROCESSES: '1',
    AKOSHA_EMBEDDINGS: 'off',
    AKOSHA_OBJECT_STORE: s3Url({ endpoint: proxy.url }),
    AKOSHA_ARCHIVE_STORE: s3Url(),
  };
  const lines: string[] = [];
  const destination = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk));
      done();
    },
  });
  const metrics = createMetrics();
  const log = createLog({ level: 'info', format: 'json', destination });
  const parts = await openServerParts(loadSettings({ env, cwd: home }), log, metrics);
  onTestFinished(() => parts.close());

  await parts.archive.check();
  expect(parts.breakers.statuses()).toMatchObject([
    { name: 'object-store', state: 'closed', calls: { succeeded: 0, failed: 0 } },
    { name: 'archive-store', state: 'closed', calls: { failed: 0, refused: 0 } },
  ]);

  await proxy.refuse();
  for (let tries = 0; tries < 4; tries++) await expect(parts.uploads.check()).rejects.toThrow();
  expect(parts.breakers.statuses()).toMatchObject([
    { name: 'object-store', state: 'open', failures: 5, calls: { failed: 5, refused: 2 } },
    { name: 'archive-store', state: 'closed' },
  ]);
  const { body } = await renderMetrics(metrics);
  expect(body).toContain('akosha_circuit_breaker_state{name="object-store"} 2\n');
  expect(body).toContain('akosha_circuit_breaker_state{name="archive-store"} 0\n');
  expect(body).toContain('akosha_circuit_breaker_consecutive_failures{name="object-store"} 5\n');
  expect(body).toContain('akosha_circuit_breaker_calls_total{name="object-store",result="refused"} 2\n');
  expect(body).toContain('akosha_circuit_breaker_openings_total{name="object-store"} 1\n');
  expect(body).toContain('akosha_object_errors_total{type="ObjectStoreUnavailable"} 4\n');
  const opened = lines.filter((line) => line.includes('circuit breaker opened'));
  expect(opened).toHaveLength(1);
  expect(opened[0]).toContain('ECONNREFUSED');
});

it('a store that is a folder is no remote', async () => {
  const home = await temporaryFolder();
  const env = { HOME: home, AKOSHA_DATA_DIR: home, AKOSHA_READER_PROCESSES: '1', AKOSHA_EMBEDDINGS: 'off' };
  const log = createLog({ level: 'silent', format: 'json' });
  const parts = await openServerParts(loadSettings({ env, cwd: home }), log, createMetrics());
  onTestFinished(() => parts.close());
  expect(parts.breakers.statuses()).toEqual([]);
});
