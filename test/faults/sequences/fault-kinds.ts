import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inject, onTestFinished } from 'vitest';
import { openObjectStore, type S3Location } from '../../../src/objects/index.js';
import { S3ObjectStore } from '../../../src/objects/s3.js';
import { CircuitBreakers } from '../../../src/runtime/index.js';
import { s3Location } from '../../objects/stores.js';
import { startFaultProxy, type Fault } from '../../support/fault-proxy.js';
import { smallDisk, type SmallDisk } from '../../support/small-disk.js';
import { FaultWorld, type WorldParts } from './fault-world.js';
import { SnapshotsInProcess } from './in-process.js';

/** What everything needs at once, several times over, and little enough to be filled in milliseconds. */
const DISK_MB = 28;

/** A world in which something fails when it is told to, at once, and in one of several ways. */
export interface FailingWorld {
  world: FaultWorld;
  ways: readonly string[];
  fail(way: number): void;
  heal(): void;
}

/** Bytes that a full disk has left: none, room for a page, and room for what the catalog writes but not for rows. */
const LEFT = [0, 4_096, 300_000] as const;

/** Its disk, a file system of its own, is full. The objects are elsewhere. */
export async function openWithSmallDisk(): Promise<FailingWorld> {
  const { world, disk } = await openWorld(async (folder) => {
    const objects = await openObjectStore(pathToFileURL(join(folder, 'objects')).href);
    return { objects, direct: objects };
  });
  return {
    world,
    ways: LEFT.map((left) => `full but for ${left} bytes`),
    fail: (way) => disk.fill(LEFT[way]),
    heal: () => disk.free(),
  };
}

const REQUEST_FAULTS = {
  'answered with 503': { kind: 'answer', status: 503, code: 'SlowDown' },
  reset: { kind: 'reset', afterBytes: 0 },
  'done, and the answer lost': { kind: 'lose answer', by: 'reset' },
  'done, and never answered': { kind: 'lose answer', by: 'silence' },
} as const satisfies Record<string, Fault>;

/** How requests fail, each of the client's two tries. Silence, which takes seconds, now and then. */
const WAYS: readonly (keyof typeof REQUEST_FAULTS)[] = [
  ...(['answered with 503', 'reset', 'done, and the answer lost'] as const),
  ...(['answered with 503', 'reset', 'done, and the answer lost'] as const),
  'done, and never answered',
];

/** Of a silent object store, so that it is found out within the test; one on a busy machine answers sooner. */
const IDLE_MS = 1_000;

/** Its objects are in a real S3 server behind a network that fails. */
export async function openBehindNetwork(): Promise<FailingWorld> {
  const proxy = await startFaultProxy(inject('s3').endpoint);
  onTestFinished(() => proxy.close());
  const place = s3Location({ endpoint: proxy.url });
  const direct = openS3({ ...place, endpoint: inject('s3').endpoint });
  const { world } = await openWorld(() => Promise.resolve({ objects: openS3(place), direct }));
  return {
    world,
    ways: WAYS,
    fail: (way) => {
      const name = WAYS[way];
      if (name !== undefined) proxy.inject({ times: Infinity }, REQUEST_FAULTS[name]);
    },
    heal: () => proxy.heal(),
  };
}

function openS3(place: S3Location): S3ObjectStore {
  // A circuit breaker that has opened would refuse what a test does after the fault.
  const breakers = new CircuitBreakers({ openMs: 1 });
  const store = new S3ObjectStore(place, { breakers }, { idleMs: IDLE_MS, connectMs: IDLE_MS });
  onTestFinished(() => store.close());
  return store;
}

/** Its data folder is on a disk that can be full; its objects are reached as `openObjects` says. */
async function openWorld(
  openObjects: (folder: string) => Promise<Pick<WorldParts, 'objects' | 'direct'>>,
): Promise<{ world: FaultWorld; disk: SmallDisk }> {
  const folder = await mkdtemp(join(tmpdir(), 'akosha-faults-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const data = join(folder, 'data');
  const disk = await smallDisk(data, DISK_MB);
  const reached = await openObjects(folder);
  for (const name of ['readers', 'scratch']) await mkdir(join(data, name));
  const limits = { size: 2, memoryLimitMb: 256, jobTimeoutMs: 30_000 };
  const reader = new SnapshotsInProcess({ ...limits, folder: join(data, 'readers') });
  onTestFinished(() => reader.close());
  const world = new FaultWorld({ data, ...reached, reader });
  await world.openStore();
  onTestFinished(() => world.closeStore());
  return { world, disk };
}
