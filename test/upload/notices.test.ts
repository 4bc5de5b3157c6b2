import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Libsql from 'libsql';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CircuitBreaker } from '../../src/runtime/index.js';
import { Outbox } from '../../src/upload/outbox/outbox.js';
import {
  keepFlushing,
  prepareUpload,
  sendNotices,
  syncDirectly,
  writeRequest,
  type NoticeOutcome,
  type Orchestrator,
  type Webhook,
} from '../../src/upload/index.js';
import { eventually } from '../support/eventually.js';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.js';
import { temporaryFolder } from '../reader/support.js';
import { makeSmallHost, putReceipt, type TestHost } from './support.js';

const SECRET = 'a secret of both sides';
const DAY_MS = 86_400_000;

interface Told {
  host: TestHost;
  receiver: WebhookReceiver;
  webhook: Webhook;
  outcomes: NoticeOutcome[];
  /** Moves the machine's clock. */
  pass: (ms: number) => void;
}

/** A host with two small databases that has somebody to tell. */
async function makeToldHost(changes: { deduplicate?: boolean } = {}): Promise<Told> {
  const receiver = await startWebhookReceiver();
  onTestFinished(() => receiver.close());
  const outcomes: NoticeOutcome[] = [];
  let now = Date.now();
  const webhook: Webhook = {
    url: receiver.url,
    secret: SECRET,
    // Tests of its own are elsewhere: here it lets all through.
    breaker: new CircuitBreaker({ name: 'webhook', unavailable: 'WebhookFailed', failuresToOpen: 1_000 }),
    onTry: (outcome) => outcomes.push(outcome),
  };
  const host = await makeSmallHost({ webhook, wallClock: () => now, ...changes });
  return { host, receiver, webhook, outcomes, pass: (ms) => void (now += ms) };
}

const bodiesOf = ({ receiver }: Told): Record<string, unknown>[] =>
  receiver.received.map(({ body }) => JSON.parse(body) as Record<string, unknown>);

describe('the notice of a sync', () => {
  it('says what was uploaded, signed, once, and nothing of what the memories say', async () => {
    const told = await makeToldHost();
    const { host, receiver, outcomes, pass } = told;
    host.outbox.rows.addRequest({ trigger: 'sync' });
    pass(2_500);
    await syncDirectly(host, { uploadId: 'a' });
    pass(1_000);
    host.outbox.rows.begin('unrelated', 'host-1');
    await sendNotices(host);
    await sendNotices(host);

    const { endedAt } = host.outbox.rows.upload('a') ?? {};
    expect(receiver.received).toHaveLength(1);
    const [{ headers, body } = { headers: {}, body: '' }] = receiver.received;
    expect(headers).toMatchObject({
      'x-akosha-event': 'sync.completed',
      'x-akosha-delivery': `a-${endedAt}`,
      'x-akosha-signature-256': `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`,
    });
    expect(JSON.parse(body)).toEqual({
      event: 'sync.completed',
      delivery: `a-${endedAt}`,
      system_id: 'host-1',
      status: 'uploaded',
      upload_id: 'a',
      method: 'cloud',
      files: ['notes.duckdb', 'graph.duckdb'],
      bytes: expect.any(Number),
      rows: { conversation: 1, entity: 1 },
      requested_at: new Date((endedAt ?? 0) - 2_500).toISOString(),
      ended_at: new Date(endedAt ?? 0).toISOString(),
      duration_seconds: 2.5,
      error: null,
    });
    expect(outcomes).toEqual(['sent']);
  });

  it('says where nothing had changed, and which upload has the rows', async () => {
    const told = await makeToldHost({ deduplicate: true });
    const { host } = told;
    await syncDirectly(host, { uploadId: 'a' });
    await putReceipt(host, 'a');
    await syncDirectly(host, { uploadId: 'b' });
    await sendNotices(host);
    expect(bodiesOf(told)).toMatchObject([
      { upload_id: 'a', status: 'uploaded' },
      {
        event: 'sync.completed',
        upload_id: 'a',
        status: 'unchanged',
        files: [],
        bytes: 0,
        rows: { conversation: 1, entity: 1 },
      },
    ]);
    const ids = bodiesOf(told).map(({ delivery }) => delivery);
    expect(new Set(ids).size).toBe(2);
  });

  it('says why it failed', async () => {
    const told = await makeToldHost();
    const missing = { ...told.host, databases: [join(told.host.folder, 'missing.duckdb')] };
    await expect(prepareUpload(missing, { uploadId: 'a' })).rejects.toMatchObject({
      type: 'NothingToUpload',
    });
    await sendNotices(told.host);
    expect(told.receiver.received[0]?.headers['x-akosha-event']).toBe('sync.failed');
    expect(bodiesOf(told)).toMatchObject([
      {
        status: 'failed',
        method: null,
        files: [],
        error: { type: 'NothingToUpload', message: expect.stringContaining('AKOSHA_DATABASES') },
      },
    ]);
  });

  it('says that somebody cancelled it', async () => {
    const told = await makeToldHost();
    told.host.outbox.rows.cancelled('a', 'host-1');
    await sendNotices(told.host);
    expect(bodiesOf(told)).toMatchObject([{ status: 'cancelled', error: { type: 'Cancelled' } }]);
  });

  it('is not sent of a snapshot whose rows another one brings, or that is to be taken again', async () => {
    const told = await makeToldHost();
    const { rows } = told.host.outbox;
    await prepareUpload(told.host, { uploadId: 'a' });
    rows.begin('b', 'host-1');
    rows.answeredBy('a', 'superseded', 'b');
    rows.replaced('b', 'its files were lost');
    await sendNotices(told.host);
    expect(told.receiver.received).toEqual([]);
  });
});

describe('a notice that is not taken', () => {
  it('is tried again after a while that grows, with the same id and the same bytes', async () => {
    const told = await makeToldHost();
    const { host, receiver, outcomes, pass } = told;
    host.outbox.rows.cancelled('a', 'host-1');
    receiver.script.push(503, 503);
    await expect(sendNotices(host)).rejects.toMatchObject({ type: 'WebhookFailed' });
    await sendNotices(host);
    expect(receiver.received).toHaveLength(1);
    pass(1_600);
    await expect(sendNotices(host)).rejects.toMatchObject({ type: 'WebhookFailed' });
    pass(1_600);
    await sendNotices(host);
    expect(receiver.received).toHaveLength(2);
    pass(1_600);
    await sendNotices(host);
    expect(outcomes).toEqual(['failed', 'failed', 'sent']);
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
    expect(new Set(receiver.received.map(({ headers }) => headers['x-akosha-delivery'])).size).toBe(1);
  });

  it('holds up the others where the receiver is away, not where it is refused', async () => {
    const { host, receiver, pass } = await makeToldHost();
    for (const id of ['a', 'b']) host.outbox.rows.cancelled(id, 'host-1');
    receiver.script.push(500);
    await expect(sendNotices(host)).rejects.toMatchObject({ type: 'WebhookFailed' });
    expect(receiver.received).toHaveLength(1);
    pass(60_000);
    receiver.script.push(400);
    await expect(sendNotices(host)).rejects.toMatchObject({ type: 'WebhookRefused' });
    expect(receiver.received).toHaveLength(3);
  });

  it('is given up after a day', async () => {
    const { host, receiver, outcomes, pass } = await makeToldHost();
    host.outbox.rows.cancelled('a', 'host-1');
    receiver.script.push(500, 500);
    await expect(sendNotices(host)).rejects.toThrow();
    pass(DAY_MS);
    await expect(sendNotices(host)).rejects.toThrow();
    pass(DAY_MS);
    await sendNotices(host);
    expect(outcomes).toEqual(['failed', 'given_up']);
  });

  it('is still due where its sender was told to stop', async () => {
    const { host, receiver, outcomes } = await makeToldHost();
    host.outbox.rows.cancelled('a', 'host-1');
    receiver.script.push(0);
    const stop = new AbortController();
    const stopped = sendNotices(host, { signal: stop.signal });
    await eventually(() => expect(receiver.received).toHaveLength(1));
    stop.abort();
    await expect(stopped).rejects.toThrow();
    await sendNotices(host);
    expect(outcomes).toEqual(['sent']);
  });
});

it('two who send at once send each notice once', async () => {
  const { host, receiver } = await makeToldHost();
  for (const id of ['a', 'b', 'c']) host.outbox.rows.cancelled(id, 'host-1');
  const other = new Outbox({ dataDir: host.dataDir, now: host.wallClock });
  onTestFinished(() => other.close());
  await Promise.all([sendNotices(host), sendNotices({ ...host, outbox: other })]);
  expect(receiver.received.map(({ headers }) => headers['x-akosha-delivery']).sort()).toHaveLength(3);
});

it('a process that knows nobody to tell leaves notices to one that does, for a day', async () => {
  const told = await makeToldHost();
  const { host, receiver, pass } = told;
  const { rows, notices } = host.outbox;
  rows.cancelled('old', 'host-1');
  pass(DAY_MS);
  rows.cancelled('in backoff', 'host-1');
  notices.tryFailed('in backoff', () => 1_000);
  rows.cancelled('due', 'host-1');
  await sendNotices({ ...host, webhook: undefined });
  pass(1_000);
  await sendNotices(host);
  expect(receiver.received).toHaveLength(2);
  expect(bodiesOf(told).map(({ upload_id: id }) => id)).toEqual(['in backoff', 'due']);
});

describe('the agent', () => {
  const flush = (
    host: TestHost,
    options: { orchestrator?: Orchestrator; patienceMs?: number } = {},
  ): void => {
    const stop = new AbortController();
    const ended = keepFlushing({ host, ...options }, stop.signal);
    onTestFinished(async () => {
      stop.abort();
      await ended;
    });
  };

  it('tells by itself where it uploads by itself; a receiver that is away holds no upload up', async () => {
    const told = await makeToldHost();
    const { host, receiver } = told;
    receiver.script.push(0);
    flush(host);
    writeRequest(host.dataDir, { trigger: 'session-end' });
    // The receiver never answers this one.
    await eventually(() => expect(receiver.received).toHaveLength(1), 10_000);
    const second = writeRequest(host.dataDir, { trigger: 'session-end' });
    await eventually(() => {
      const id = host.outbox.rows.request(second)?.uploadId ?? '';
      expect(host.outbox.rows.upload(id)?.state).toBe('delivered');
    }, 8_000);
  });

  it('leaves to the workflow what that is about to tell, and tells what it left', async () => {
    const { host, receiver, pass } = await makeToldHost();
    const nothing = (): Promise<void> => Promise.resolve();
    // A double of Temporal's client: here it is there and does nothing.
    flush(host, {
      orchestrator: { working: true, requestSync: nothing, resumeUploads: nothing },
      patienceMs: 60_000,
    });
    host.outbox.rows.cancelled('a', 'host-1');
    await sleep(1_500);
    expect(receiver.received).toEqual([]);
    pass(60_000);
    await eventually(() => expect(receiver.received).toHaveLength(1));
  });
});

it('an outbox of before there were notices is taken over, and tells nobody of what had ended', async () => {
  const dataDir = await temporaryFolder();
  const begun = new Outbox({ dataDir });
  begun.rows.addRequest({ trigger: 'sync' });
  begun.rows.cancelled('old', 's');
  begun.close();
  const file = new Libsql(join(dataDir, 'agent', 'outbox.db'));
  file.exec(
    `DROP TABLE server_uploads; DROP INDEX uploads_by_due_notice; ${[
      'error_type',
      'notice',
      'notice_attempts',
      'notice_next_at',
    ]
      .map((column) => `ALTER TABLE uploads DROP COLUMN ${column};`)
      .join('')} PRAGMA user_version = 1`,
  );
  file.close();

  const outbox = new Outbox({ dataDir });
  onTestFinished(() => outbox.close());
  expect(outbox.rows.upload('old')).toMatchObject({ state: 'cancelled', errorType: null });
  expect(outbox.notices.due()).toEqual([]);
  outbox.rows.cancelled('new', 's');
  expect(outbox.notices.due().map(({ uploadId }) => uploadId)).toEqual(['new']);
});
