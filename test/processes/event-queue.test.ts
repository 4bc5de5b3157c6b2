import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { interceptLocalhostDns, startFauxqs, type FauxqsServer } from 'fauxqs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { AkoshaError, manifestKey, type ErrorType, type UploadRef } from '../../src/contract/index.js';
import { ingestUpload, registerUpload, type IngestContext } from '../../src/ingest/index.js';
import type { MemoryStore } from '../../src/store/index.js';
import { EventIntake } from '../../src/processes/event-intake.js';
import { EventQueueLoop, type EventQueue } from '../../src/processes/event-queue.js';
import { openSqsQueue } from '../../src/processes/sqs-queue.js';
import { CircuitBreaker } from '../../src/runtime/index.js';
import { freePort } from '../../src/servers/index.js';
import { createLog, createMetrics, type Logger } from '../../src/telemetry/index.js';
import {
  openIngestWorld,
  originalId,
  putOriginal,
  sampleFiles,
  type IngestWorld,
} from '../ingest/support.js';
import { eventually } from '../support/eventually.js';
import { emptyManifest } from '../upload/support.js';

/** As AWS has it in a queue's redrive policy; the account is the one that the server makes up. */
const DEAD_LETTERS = 'arn:aws:sqs:us-east-1:000000000000';

let world: IngestWorld;
let server: FauxqsServer;
let restoreDns: () => void;
beforeAll(async () => {
  process.env['AWS_ACCESS_KEY_ID'] ??= 'akosha-test';
  process.env['AWS_SECRET_ACCESS_KEY'] ??= 'akosha-test-secret';
  // The server knows a queue by its whole URL, whose name not every machine's resolver knows for a loopback one.
  restoreDns = interceptLocalhostDns();
  world = await openIngestWorld();
  server = await startFauxqs({ port: 0, logger: false, host: 'localhost' });
});
afterAll(async () => {
  await server.stop();
  restoreDns();
  await world.close();
});

let queues = 0;

/** A queue of its own: an unreadable message comes again after a second and is a dead letter after the second time. */
function makeQueue(on: FauxqsServer, name = `events-${++queues}`): string {
  on.createQueue(`${name}-dead`);
  const RedrivePolicy = JSON.stringify({
    deadLetterTargetArn: `${DEAD_LETTERS}:${name}-dead`,
    maxReceiveCount: 2,
  });
  return on.createQueue(name, { attributes: { VisibilityTimeout: '1', RedrivePolicy } }).queueUrl;
}

function sqs(queueUrl: string): SQSClient {
  return new SQSClient({
    endpoint: new URL(queueUrl).origin,
    region: 'us-east-1',
    useQueueUrlAsEndpoint: false,
  });
}

async function send(queueUrl: string, ...messages: unknown[]): Promise<void> {
  const client = sqs(queueUrl);
  for (const message of messages) {
    const MessageBody = typeof message === 'string' ? message : JSON.stringify(message);
    await client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody }));
  }
  client.destroy();
}

/** Bodies of what is in a queue, in flight or not. */
function bodies(url: string, suffix = ''): string[] {
  const found = server.inspectQueue(`${url.split('/').at(-1) ?? ''}${suffix}`);
  if (found === undefined) throw new Error(`no queue ${url}${suffix}`);
  const { ready, delayed, inflight } = found.messages;
  return [...ready, ...delayed, ...inflight.map(({ message }) => message)].map(({ body }) => body);
}

function created(key: string, eventName = 'ObjectCreated:Put'): unknown {
  const encoded = encodeURIComponent(key).replaceAll('%20', '+');
  return { Records: [{ eventName, s3: { bucket: { name: 'any' }, object: { key: encoded } } }] };
}

async function newUpload(systemId: string): Promise<UploadRef> {
  const ref = { systemId, uploadId: originalId() };
  await putOriginal(world.uploads, ref, {});
  return ref;
}

interface LoopOptions {
  ingest?: IngestContext;
  breaker?: CircuitBreaker;
  /** Doubles that inject faults. */
  faults?: (queue: EventQueue) => Partial<EventQueue>;
  log?: Logger;
}

/** Runs until the test is over. */
function startLoop(queueUrl: string, options: LoopOptions = {}) {
  const metrics = createMetrics();
  const nudged: string[] = [];
  const breaker = options.breaker ?? new CircuitBreaker({ name: 'ingestion-queue' });
  const queue = openSqsQueue(queueUrl, breaker);
  const intake = new EventIntake({
    ingest: options.ingest ?? world.context,
    objectStore: `file://${world.folder}/objects`,
    nudge: (systemIds) => void nudged.push(...systemIds),
    metrics,
  });
  const loop = new EventQueueLoop({
    queue: { ...queue, ...options.faults?.(queue) },
    breaker,
    intake,
    metrics,
    log: options.log ?? createLog({ level: 'silent', format: 'json' }),
  });
  const stopping = new AbortController();
  const running = loop.run(stopping.signal);
  onTestFinished(async () => {
    stopping.abort();
    await running;
  });
  const value = async (name: string) => (await metrics.registry.getSingleMetric(name)?.get())?.values ?? [];
  return { loop, nudged, value };
}

/** An upload, and the place of another that has its id: somebody copied the folder of a host's name to that of its id. */
async function newTaken(name: string): Promise<{ first: UploadRef; copy: UploadRef }> {
  const first = await newUpload(`${name}.local`);
  const copy = { systemId: `x--${name}_2Elocal`, uploadId: first.uploadId };
  await world.uploads.put(manifestKey(copy), emptyManifest(copy));
  return { first, copy };
}

describe('the queue of events', () => {
  it('makes each announced upload a row, once, drops the rest and leaves what it cannot use', async () => {
    const url = makeQueue(server);
    const first = await newUpload('my laptop');
    const second = await newUpload('desktop');
    const gone = { systemId: 'desktop', uploadId: 'gone' };
    await send(
      url,
      created(manifestKey(first)),
      created(manifestKey(first)),
      { Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'any' },
      created('systems/desktop/uploads/u/reflection.duckdb.gz', 'ObjectCreated:CompleteMultipartUpload'),
      created(manifestKey(second)),
      created(manifestKey(gone)),
      'not JSON',
    );
    const { loop, nudged, value } = startLoop(url);
    await eventually(() =>
      expect(bodies(url, '-dead').toSorted()).toEqual([
        'not JSON',
        JSON.stringify(created(manifestKey(gone))),
      ]),
    );
    expect(bodies(url)).toEqual([]);
    const known = await world.store.knownUploads([first, second, gone]);
    expect(known.map(({ place, state }) => [place.uploadId, state]).toSorted()).toEqual([
      [first.uploadId, 'pending'],
      [second.uploadId, 'pending'],
    ]);
    expect(new Set(nudged)).toEqual(new Set(['x--my_20laptop', 'desktop']));
    expect(loop.status().state).toBe('working');
    const events = Object.fromEntries(
      (await value('akosha_ingestion_events_total')).map(({ labels, value: n }) => [labels['result'], n]),
    );
    expect(events).toMatchObject({ added: 2, ignored: 2, unreadable: 2, left: 2 });
    expect((await value('akosha_ingestion_queue_up'))[0]?.value).toBe(1);
  });

  it('lets go of a message whose upload another one’s id keeps out for good, and counts it', async () => {
    const url = makeQueue(server);
    const { first, copy } = await newTaken('copied');
    await send(url, created(manifestKey(first)), created(manifestKey(copy)));
    const { value } = startLoop(url);
    const counted = async (): Promise<string[]> =>
      (await value('akosha_ingestion_events_total')).map(
        ({ labels, value: n }) => `${labels['result']} ${n}`,
      );
    await eventually(async () => expect((await counted()).toSorted()).toEqual(['added 1', 'refused 1']));
    await eventually(() => expect(bodies(url)).toEqual([]));
    expect(bodies(url, '-dead')).toEqual([]);
  });

  it('a message goes only after its upload is a row: one that was not deleted comes again and changes nothing', async () => {
    const url = makeQueue(server);
    const upload = await newUpload('crashing');
    await send(url, created(manifestKey(upload)));
    const rows: number[] = [];
    // As if the process had died between the two: the first delete is lost.
    startLoop(url, {
      faults: (queue) => ({
        delete: async (handles, signal) => {
          rows.push((await world.store.knownUploads([upload])).length);
          return rows.length === 1 ? handles.length : queue.delete(handles, signal);
        },
      }),
    });
    await eventually(() => expect(bodies(url)).toEqual([]));
    expect(rows).toEqual([1, 1]);
    expect(bodies(url, '-dead')).toEqual([]);
  });

  it.each([
    ['the object store is away', { get: 'ObjectStoreUnavailable' }],
    ['its credentials have run out', { get: 'ObjectStoreRefused' }],
    ['the disk is full', { registerUploads: 'DiskFull' }],
    ['the store is damaged', { registerUploads: 'StoreDamaged' }],
  ] as const)('takes no message while %s, or all would end as dead letters', async (_what, faults) => {
    const url = makeQueue(server);
    const upload = await newUpload('waiting');
    await send(url, created(manifestKey(upload)));
    // Doubles that inject the fault.
    let type: ErrorType | undefined = Object.values(faults)[0];
    const failOf = (method: string): void => {
      if (type !== undefined && method in faults) throw new AkoshaError(type, 'injected');
    };
    const faulty = world.withFaults({
      get: async (key, options) => (failOf('get'), world.uploads.get(key, options)),
    });
    const store: MemoryStore = {
      ...world.store,
      registerUploads: async (found) => (failOf('registerUploads'), world.store.registerUploads(found)),
    };
    let received = 0;
    const lines: string[] = [];
    const { loop } = startLoop(url, {
      ingest: { ...faulty, store },
      log: createLog({
        level: 'info',
        format: 'json',
        destination: { write: (line: string) => void lines.push(line) },
      }),
      faults: (queue) => ({
        receive: async (signal) => {
          const messages = await queue.receive(signal);
          received += messages.length;
          return messages;
        },
      }),
    });
    await eventually(() => expect(received).toBe(1));
    // The message would have been visible again, twice.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(received).toBe(1);
    type = undefined;
    await eventually(() => expect(bodies(url)).toEqual([]), 20_000);
    expect(bodies(url, '-dead')).toEqual([]);
    expect(await world.store.knownUploads([upload])).toHaveLength(1);
    expect(loop.status().state).toBe('working');
    const told = (text: string): number => lines.filter((line) => line.includes(text)).length;
    expect([told('events cannot be taken'), told('events are taken again')]).toEqual([1, 1]);
  });

  it('lets a manifest that alone may not be read hold up no others', async () => {
    const url = makeQueue(server);
    const [kept, fresh] = [await newUpload('kept'), await newUpload('fresh')];
    // By whose receipt the server tells that it may read.
    const ingested = { systemId: 'ingested', uploadId: originalId() };
    await putOriginal(world.uploads, ingested, await sampleFiles());
    await registerUpload(world.context, ingested);
    expect(await ingestUpload(world.context, ingested)).toMatchObject({ status: 'ingested' });
    const ingest = world.withFaults({
      get: (key, options) =>
        key === manifestKey(kept)
          ? Promise.reject(new AkoshaError('ObjectStoreRefused', 'injected'))
          : world.uploads.get(key, options),
    });
    await send(url, created(manifestKey(kept)));
    startLoop(url, { ingest });
    await eventually(() => expect(bodies(url, '-dead')).toHaveLength(1), 20_000);
    await send(url, created(manifestKey(fresh)));
    await eventually(async () => expect(await world.store.knownUploads([fresh])).toHaveLength(1));
  });

  it('says that it is away, and goes on by itself when it is back', async () => {
    const port = await freePort();
    const url = `http://sqs.us-east-1.localhost:${port}/000000000000/late`;
    const breaker = new CircuitBreaker({ name: 'ingestion-queue', failuresToOpen: 2, openMs: 300 });
    const { loop, value } = startLoop(url, { breaker });
    await eventually(() => expect(loop.status().state).toBe('away'));
    expect((await value('akosha_ingestion_queue_up'))[0]?.value).toBe(0);

    const late = await startFauxqs({ port, logger: false, host: 'localhost' });
    onTestFinished(() => late.stop());
    makeQueue(late, 'late');
    const upload = await newUpload('late');
    await send(url, created(manifestKey(upload)));
    await eventually(() => expect(loop.status().state).toBe('working'));
    await eventually(async () => expect(await world.store.knownUploads([upload])).toHaveLength(1));
  });

  it('counts what waits in it and what ended as a dead letter', async () => {
    const url = makeQueue(server);
    await send(`${url}-dead`, 'dead', 'as dead');
    const { loop, value } = startLoop(url);
    await eventually(() => expect(loop.status().depths).toEqual({ messages: 0, deadLetters: 2 }));
    expect(await value('akosha_ingestion_queue_messages')).toMatchObject([
      { labels: { queue: 'events' }, value: 0 },
      { labels: { queue: 'dead_letter' }, value: 2 },
    ]);
  });

  it('warns once where its messages cannot be counted, and says why in its status', async () => {
    const lines: string[] = [];
    const log = createLog({
      level: 'warn',
      format: 'json',
      destination: { write: (line: string) => void lines.push(line) },
    });
    const refused = () => Promise.reject(new Error('not authorized: sqs:GetQueueUrl'));
    const { loop } = startLoop(makeQueue(server), { faults: () => ({ depths: refused }), log });
    await eventually(() => expect(loop.status().depthsFailure).toContain('sqs:GetQueueUrl'));
    expect(lines.filter((line) => line.includes('could not be counted'))).toHaveLength(1);
  });
});

describe('a posted event', () => {
  function intakeOf(ingest: IngestContext): EventIntake {
    return new EventIntake({
      ingest,
      objectStore: 's3://memories/akosha',
      nudge: () => undefined,
      metrics: createMetrics(),
    });
  }
  const posted = (ref: UploadRef, bucket = 'memories') => ({
    account: 'a',
    action: 'PutObject',
    bucket,
    object: { key: `akosha/${manifestKey(ref)}` },
  });
  const { signal } = new AbortController();

  it('is answered once its upload is a row', async () => {
    const upload = await newUpload('posted');
    const intake = intakeOf(world.context);
    expect(await intake.takePosted(posted(upload), signal)).toEqual({ added: 1, known: 0, refused: [] });
    expect(await world.store.knownUploads([upload])).toHaveLength(1);
    expect(await intake.takePosted(posted(upload), signal)).toEqual({ added: 0, known: 1, refused: [] });
    expect(await intake.takePosted(posted(upload, 'another'), signal)).toEqual({
      added: 0,
      known: 0,
      refused: [],
    });
  });

  it('is answered where its upload can never be a row, with the reason, which the log has too', async () => {
    const { first, copy } = await newTaken('moved');
    const logged: unknown[] = [];
    const log = { warn: (details: Record<string, unknown>) => void logged.push(details) };
    const intake = intakeOf({ ...world.context, log });
    expect(await intake.takePosted(posted(first), signal)).toMatchObject({ added: 1 });
    const reason = `upload ${first.uploadId} of system ${copy.systemId} is at systems/moved.local/uploads/${first.uploadId}/ already`;
    for (let time = 0; time < 2; time++) {
      expect(await intake.takePosted(posted(copy), signal)).toEqual({
        added: 0,
        known: 0,
        refused: [{ upload: `systems/x--moved_2Elocal/uploads/${first.uploadId}/`, reason }],
      });
    }
    expect(logged).toContainEqual({ refused: [{ place: copy, reason }] });
  });

  it('is refused where it is none, or its manifest is not there or cannot be read', async () => {
    const intake = intakeOf(world.context);
    await expect(intake.takePosted({ a: 1 }, signal)).rejects.toMatchObject({ type: 'BadRequest' });
    const gone = { systemId: 'posted', uploadId: 'gone' };
    await expect(intake.takePosted(posted(gone), signal)).rejects.toMatchObject({ type: 'ObjectNotFound' });
    const refused = world.withFaults({
      get: () => {
        throw new AkoshaError('ObjectStoreRefused', 'injected');
      },
    });
    const upload = await newUpload('refused');
    await expect(intakeOf(refused).takePosted(posted(upload), signal)).rejects.toMatchObject({
      type: 'ObjectStoreUnavailable',
      message: 'injected',
    });
  });
});
