import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Alerts } from '../../src/bootstrap/alert.js';
import { OutageFiles, type OutageFile } from '../../src/bootstrap/record.js';

const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };
const ROUTING_KEY = '0123456789abcdef0123456789abcdef';

let folder: string;
let file: OutageFile;
let receiver: Server;
let alerts: Alerts;
/** What the receiver was sent, and what it answers with, in turn; 202 once these are used up. */
let taken: unknown[];
let answers: number[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'akosha-pagerduty-'));
  file = await new OutageFiles(folder, { now: Date.now, log: QUIET }).begin(
    Date.parse('2026-11-22T12:00:00Z'),
  );
  taken = [];
  answers = [];
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      taken.push(JSON.parse(Buffer.concat(chunks).toString()));
      response.writeHead(answers.shift() ?? 202).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const { port } = receiver.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/v2/enqueue`;
  alerts = new Alerts({ source: 'server-1', pagerDuty: { url, routingKey: ROUTING_KEY } }, QUIET);
});

afterEach(async () => {
  receiver.close();
  await rm(folder, { recursive: true });
});

const never = (): AbortSignal => new AbortController().signal;

it('triggers once and resolves once, with the same key and all that PagerDuty requires', async () => {
  for (const event of ['trigger', 'trigger', 'resolve', 'resolve'] as const) {
    await alerts.tell(event, file, never());
  }
  const common = { routing_key: ROUTING_KEY, dedup_key: 'akosha-outage/server-1/2026-11-22T12:00:00.000Z' };
  expect(taken).toEqual([
    expect.objectContaining({
      ...common,
      event_action: 'trigger',
      payload: expect.objectContaining({
        summary: expect.stringContaining('akosha on server-1'),
        source: 'server-1',
        severity: 'critical',
        timestamp: file.state.detected,
      }),
    }),
    { ...common, event_action: 'resolve' },
  ]);
  expect(alerts.isSettled(file.state.told)).toBe(true);
});

it.each([429, 500])('sends the same again after a %i', async (status) => {
  answers.push(status);
  await alerts.tell('trigger', file, never());
  expect(taken).toHaveLength(2);
  expect(taken[1]).toEqual(taken[0]);
  expect(file.state.told).toContain('pagerduty/trigger');
});

it('gives up on a 400, and does not call it taken', async () => {
  answers.push(400);
  await alerts.tell('trigger', file, never());
  expect(taken).toHaveLength(1);
  expect(file.state.told).toEqual(['log/trigger']);
});
