import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { FAIL_POINTS, type FailPoint } from '../../../src/faults/index.js';
import { SEEDS, settle } from './carry-out.js';
import { FaultWorld } from './fault-world.js';
import { partsOf, stateFile, type Life } from './life.js';
import { operationsOf } from './operations.js';
import { MOST_ATTEMPTS, oneOf, random } from './promise.js';

const ROOT = resolve(import.meta.dirname, '../../..');

/** A hundred lives of two to three seconds where nothing else runs; six times that. */
const RUN_MS = 1_800_000;

/** Within the compiled program's folder, which is made anew by each build, and from which packages are found. */
const PROCESS = join(ROOT, 'dist/test/killed-process.mjs');

/** The program as it is compiled, with its threads and children; of the tests what one life needs. */
const compiledProgram: Plugin = {
  name: 'compiled-program',
  setup({ onResolve }) {
    onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir }) => {
      const module = resolve(resolveDir, path);
      const isProgram = module.startsWith(join(ROOT, 'src/'));
      return isProgram ? { path: module.replace(join(ROOT, 'src'), '..'), external: true } : undefined;
    });
  },
};

beforeAll(async () => {
  await build({
    entryPoints: [join(import.meta.dirname, 'killed-process.ts')],
    outfile: PROCESS,
    ...{ bundle: true, platform: 'node', format: 'esm', packages: 'external', logLevel: 'warning' },
    plugins: [compiledProgram],
  });
});

it.each(SEEDS)(
  'every acknowledged memory is found once or gone with a receipt, the server killed at each fail point (seed %i)',
  async (seed) => {
    const folder = await mkdtemp(join(tmpdir(), 'akosha-killed-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const record = join(folder, 'struck');
    const trace: string[] = [];
    try {
      for (const { name, point } of await turns(folder, seed)) {
        for (let attempts = 1; !struck(record).includes(point); attempts++) {
          if (attempts > MOST_ATTEMPTS) throw new Error(`${name} does not come to ${point}`);
          trace.push(`${point}: ${await live(folder, name, { point, seed: seed + trace.length, record })}`);
        }
      }
      // Ends what the last kill left.
      await live(folder, 'ingest', { point: 'none', seed, record });
      await settleAll(folder);
    } catch (cause) {
      throw new Error(`seed ${seed}, after:\n${trace.join('\n')}`, { cause });
    }
    expect(struck(record).toSorted()).toEqual(FAIL_POINTS.toSorted());
  },
  RUN_MS,
);

interface Turn {
  name: string;
  point: FailPoint;
}

/** Every point once, in an order of chance. */
async function turns(folder: string, seed: number): Promise<Turn[]> {
  const parts = await partsOf(folder);
  await parts.reader.close();
  const operations = operationsOf(new FaultWorld(parts));
  const left = Object.entries(operations).flatMap(([name, { points }]) =>
    points.map((point) => ({ name, point })),
  );
  const next = random(seed);
  const order: Turn[] = [];
  while (left.length > 0) {
    const turn = oneOf(left, next);
    left.splice(left.indexOf(turn), 1);
    order.push(turn);
  }
  return order;
}

function struck(record: string): string[] {
  return existsSync(record) ? readFileSync(record, 'utf8').trim().split('\n') : [];
}

/** How it ended: killed, or by itself where it did not come to the point, or where that killed a child of its. */
async function live(
  folder: string,
  name: string,
  { point, seed, record }: { point: FailPoint | 'none'; seed: number; record: string },
): Promise<string> {
  const env = { ...process.env, AKOSHA_FAIL_POINT: point, AKOSHA_FAIL_RECORD: record };
  const child = spawn(process.execPath, [PROCESS, folder, name, String(seed)], {
    env,
    cwd: dirname(PROCESS),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (signal === 'SIGKILL') return 'killed';
  if (code === 0) return 'ended';
  throw new Error(`${name}, to be killed at ${point}, ended with ${code ?? signal}: ${errors}`);
}

async function settleAll(folder: string): Promise<void> {
  const life = JSON.parse(readFileSync(stateFile(folder), 'utf8')) as Life;
  const parts = await partsOf(folder);
  onTestFinished(() => parts.reader.close());
  const world = new FaultWorld(parts, life.world);
  await world.openStore();
  onTestFinished(() => world.closeStore());
  await settle(world);
}
