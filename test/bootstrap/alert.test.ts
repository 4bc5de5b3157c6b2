import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Alerts } from '../../src/bootstrap/alert.js';
import { OutageFiles, type OutageFile } from '../../src/bootstrap/record.js';

const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };

let folder: string;
let file: OutageFile;
let receiver: Server;
let alerts: Alerts;
/** What the webhook answers with, and how often it was asked. PagerDuty takes all. */
let answer: number;
let asked: number;
let stopping: AbortController;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'akosha-alert-'));
  file = await new OutageFiles(folder, { now: Date.now, log: QUIET }).begin(Date.now());
  asked = 0;
  stopping = new AbortController();
  receiver = createServer((request, response) => {
    request.resume();
    if (request.url === '/hook') asked += 1;
    response.writeHead(request.url === '/hook' ? answer : 202).end();
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const { port } = receiver.address() as AddressInfo;
  const address = `http://127.0.0.1:${port}`;
  const webhook = { url: `${address}/hook`, secret: 'a secret of some length' };
  const pagerDuty = { url: `${address}/pagerduty`, routingKey: '0123456789abcdef0123456789abcdef' };
  alerts = new Alerts({ source: 'server-1', webhook, pagerDuty }, QUIET);
});

afterEach(async () => {
  stopping.abort();
  receiver.close();
  await rm(folder, { recursive: true });
});

it('tells everyone else that it is over while one target is away', async () => {
  answer = 503;
  const begun = alerts.tell('trigger', file, stopping.signal);
  const over = alerts.tell('resolve', file, stopping.signal);
  await expect
    .poll(() => file.state.told.toSorted())
    .toEqual(['log/resolve', 'log/trigger', 'pagerduty/resolve', 'pagerduty/trigger']);
  stopping.abort();
  await Promise.all([begun, over]);
});

it('sends what was refused no second time, and no end of what was not begun', async () => {
  answer = 400;
  await alerts.tell('trigger', file, stopping.signal);
  await alerts.tell('resolve', file, stopping.signal);
  expect(asked).toBe(1);
  expect(file.state.told).not.toContain('webhook/resolve');
  expect(file.state.told).toContain('pagerduty/resolve');
});
