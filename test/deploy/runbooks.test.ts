import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parse } from 'yaml';
import { inboxKey, type UploadRef } from '../../src/contract/index.js';
import { openObjectStore, type ObjectStore } from '../../src/objects/index.js';
import { findRunning } from '../../src/runtime/index.js';
import { startTemporalServer, type RunningServer } from '../../src/servers/index.js';
import { originalId, putOriginal } from '../ingest/support.js';
import { SAMPLES } from '../support/databases.js';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.js';
import { Program } from '../support/program.js';

const FOLDER = 'docs/runbooks';
const MAIN = path.resolve('dist/cli/akosha.cjs');

/** What a runbook tells to do in one state, in order: a fence `sh`, with the exit code that is right there. */
interface Step {
  script: string;
  exit: number;
}

interface Found {
  kind: string;
  memory_id: string;
}

/** A runbook's steps by the state that they are for: the world is brought there before the first of them. */
type Steps = Record<'amiss' | 'well', Step[]>;

async function stepsOf(file: string): Promise<Steps> {
  const steps: Steps = { amiss: [], well: [] };
  const text = await readFile(path.join(FOLDER, file), 'utf8');
  let state: keyof Steps = 'amiss';
  for (const [, heading, exit, script = ''] of text.matchAll(
    /^(#{2,3} .*)$|^ *```sh(?: exit=(\d+))?\n([^]*?)^ *```$/gm,
  )) {
    if (heading === undefined) steps[state].push({ script, exit: Number(exit ?? 0) });
    else if (/^### When |^## Rollback/.test(heading)) state = 'well';
  }
  expect(text.match(/```/g)).toHaveLength(2 * (steps.amiss.length + steps.well.length));
  return steps;
}

describe('the runbooks', () => {
  let program: Program;
  let temporal: RunningServer;
  let proxy: FaultProxy;
  let uploads: ObjectStore;
  let graph: Buffer;
  let bin: string;
  let system = 'host-1';
  const broken: UploadRef = { systemId: 'host-broken', uploadId: originalId() };

  beforeAll(async () => {
    const s3 = inject('s3');
    process.env['AWS_ACCESS_KEY_ID'] = s3.accessKeyId;
    process.env['AWS_SECRET_ACCESS_KEY'] = s3.secretAccessKey;
    proxy = await startFaultProxy(s3.endpoint);
    program = await Program.create({
      AKOSHA_OUTAGE_DETECTION_SECONDS: '1',
      AKOSHA_POLL_INTERVAL_SECONDS: '1',
      AKOSHA_INGEST_CONCURRENCY: '1',
      // Copies of cold objects have no room, and little time is given to them: what makes searches late.
      AKOSHA_COLD_CACHE_MB: '0',
      AKOSHA_SEARCH_COLD_SECONDS: '3',
    });
    const place = (endpoint: string): string =>
      `s3://${s3.bucket}/${path.basename(program.dataDir)}?endpoint=${encodeURIComponent(endpoint)}&region=${s3.region}`;
    uploads = await openObjectStore(place(s3.endpoint));
    graph = gzipSync(await readFile(path.join(SAMPLES, 'knowledge_graph.duckdb')));
    temporal = await startTemporalServer({ dataFolder: program.dataDir, uiPort: null });
    Object.assign(program.environment, {
      AKOSHA_OBJECT_STORE: place(proxy.url),
      TEMPORAL_ADDRESS: temporal.url,
    });
    bin = path.join(program.dataDir, 'bin');
    await mkdir(bin);
    await writeFile(path.join(bin, 'akosha'), `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`);
    await chmod(path.join(bin, 'akosha'), 0o755);
    await program.up();
    await put(broken, Buffer.from('no database'));
    await program.waitUntil('in quarantine', async () => (await uploadsIn('quarantined')) === 1);
  }, 120_000);
  afterAll(async () => {
    await program.destroy();
    await Promise.all([temporal.stop(), proxy.close(), uploads.close()]);
  }, 60_000);

  async function put(ref: UploadRef, content: Uint8Array): Promise<void> {
    await putOriginal(uploads, ref, { 'knowledge_graph.duckdb.gz': content });
    await uploads.put(inboxKey(ref), '');
  }

  async function ask(route: string): Promise<Response> {
    return fetch(`${(await findRunning(program.dataDir))?.api_url}${route}`);
  }

  async function uploadsIn(state: string): Promise<number> {
    const status = (await (await ask('/api/v1/status')).json()) as { uploads: Record<string, number> };
    return status.uploads[state] ?? -1;
  }

  async function run({ script, exit }: Step): Promise<string> {
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, HOME } = process.env;
    const env = {
      ...{ AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, HOME },
      ...program.environment,
      PATH: `${bin}:${process.env['PATH']}`,
      ...{ SYSTEM: system, UPLOAD: broken.uploadId },
    };
    const command = promisify(execFile)('sh', ['-euc', script], { env, timeout: 60_000 });
    const { code, stdout, stderr } = await command.then(
      (output) => ({ ...output, code: 0 }),
      (error: { code: number; stdout: string; stderr: string }) => error,
    );
    expect(code, `${script}${stdout}${stderr}`).toBe(exit);
    return stdout;
  }

  async function runAll(steps: readonly Step[]): Promise<string> {
    const outputs: string[] = [];
    for (const step of steps) outputs.push(await run(step));
    return outputs.join('\n');
  }

  it.each(['001-ingestion-backlog.md', '003-orchestrator-unreachable.md', '004-object-store-slow.md'])(
    'name no command outside of what is run: %s',
    async (file) => {
      expect(await readFile(path.join(FOLDER, file), 'utf8')).not.toMatch(/`akosha /);
    },
  );

  it('are all run here', async () => {
    expect((await readdir(FOLDER)).sort()).toEqual([
      '001-ingestion-backlog.md',
      '002-hot-store-corruption.md',
      '003-orchestrator-unreachable.md',
      '004-object-store-slow.md',
      '005-high-latency-queries.md',
      '006-scrub-mismatch.md',
    ]);
  });

  it('001: a backlog', async () => {
    const steps = await stepsOf('001-ingestion-backlog.md');
    // Slow enough for the commands to see it, without work for the machine.
    proxy.inject(
      { method: 'GET', path: /knowledge_graph\.duckdb\.gz/, times: 100 },
      { kind: 'slow', ms: 300 },
    );
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => put({ systemId: `host-${n}`, uploadId: originalId() }, graph)),
    );
    await program.waitUntil('a backlog', async () => (await uploadsIn('pending')) > 10);
    const last = steps.amiss.pop();
    const seen = await runAll(steps.amiss);
    expect(seen).toMatch(/^systems behind +system id host-/m);
    expect(seen).toContain(`${broken.uploadId} is in the queue again`);
    proxy.heal();
    if (last !== undefined) await run(last);
    expect(await uploadsIn('pending')).toBe(0);
    await program.waitUntil('in quarantine again', async () => (await uploadsIn('quarantined')) === 1);
    expect(await runAll(steps.well)).toContain('ingest_concurrency');
  });

  it('002: the files of both tiers cut short', async () => {
    const steps = await stepsOf('002-hot-store-corruption.md');
    await program.signal('SIGTERM');
    for (const tier of ['hot', 'warm'])
      await truncate(path.join(program.dataDir, `store/${tier}.duckdb`), 5000);
    await program.up();
    const seen = await runAll(steps.amiss);
    expect(seen).toMatch(/damaged since/);
    expect(seen).toMatch(/brought back/);
    expect(await runAll(steps.well)).toMatch(/^nothing is damaged|held/m);
    expect((await (await ask('/metrics')).text()).match(/akosha_tier_damaged\{.*\} 0/g)).toHaveLength(2);
  });

  it('003: Temporal killed, and started again', async () => {
    const steps = await stepsOf('003-orchestrator-unreachable.md');
    process.kill(temporal.pid, 'SIGKILL');
    await program.waitUntil('in bootstrap mode', async () =>
      (await ask('/api/v1/status').then((answer) => answer.text())).includes('"mode":"bootstrap"'),
    );
    expect(await runAll(steps.amiss)).toMatch(/^mode +bootstrap$/m);
    const port = Number(new URL(`http://${temporal.url}`).port);
    temporal = await startTemporalServer({ dataFolder: program.dataDir, uiPort: null, port });
    await program.waitUntil(
      'in normal mode',
      async () => (await program.run(['status', '--ready'])).code === 0,
    );
    expect(await runAll(steps.well)).toContain('akosha-daily-ingest');
  });

  it('004: object storage that answers 503, and answers again', async () => {
    const steps = await stepsOf('004-object-store-slow.md');
    proxy.inject({ times: Infinity }, { kind: 'answer', status: 503, code: 'SlowDown' });
    await program.waitUntil('open', async () =>
      (await (await ask('/metrics')).text()).includes('akosha_circuit_breaker_state{name="object-store"} 2'),
    );
    expect(await runAll(steps.amiss)).toContain('open');
    proxy.heal();
    // As its step says: one that is started anew tries at once, and the test need not wait for a minute.
    expect(await program.signal('SIGTERM')).toBe(0);
    await program.up();
    await runAll(steps.well);
  });

  it('005: cold objects that take seconds', async () => {
    const steps = await stepsOf('005-high-latency-queries.md');
    // A few memories of a system of its own, so that what waits is the proxy and not the machine.
    system = 'host-late';
    await put({ systemId: system, uploadId: originalId() }, graph);
    const request = { query: 'project', system_id: system, limit: 3 };
    const keys: string[] = [];
    await program.waitUntil('ingested', async () => {
      const { results } = await program.api<{ results: Found[] }>('/api/v1/search', 'POST', request);
      keys.push(...results.map((found) => `'${system}/${found.kind}/${found.memory_id}'`));
      return keys.length > 0;
    });
    expect(keys).toHaveLength(3);
    const moved = await run({ script: `akosha move ${keys.join(' ')} --to cold --wait --yes`, exit: 0 });
    expect(moved).toContain('moved to cold: 3');
    proxy.inject({ method: 'GET', path: /\/cold\//, times: Infinity }, { kind: 'slow', ms: 4_000 });
    const seen = await runAll(steps.amiss);
    expect(seen).toMatch(/"reason": ?"words: no answer in time: .*AKOSHA_SEARCH_COLD_SECONDS/);
    expect(seen).toMatch(/^thawed to warm: 3$/m);
    proxy.heal();
    // As its steps say: what a search needs of cold has room then, and is downloaded once.
    expect(await program.signal('SIGTERM')).toBe(0);
    program.environment['AKOSHA_COLD_CACHE_MB'] = '256';
    await program.up();
    await program.waitUntil('quick again', async () => {
      const answer = await program.api<{ partial: unknown[] }>('/api/v1/search', 'POST', { query: 'quick' });
      return answer.partial.length === 0;
    });
    const after = await runAll(steps.well);
    expect(after).not.toContain('incomplete');
    expect(after).toContain('moving goes on');
    system = 'host-1';
  }, 120_000);

  it('006: a journal object that changed, and is put back', async () => {
    const steps = await stepsOf('006-scrub-mismatch.md');
    await put({ systemId: 'host-scrub', uploadId: originalId() }, graph);
    let key = '';
    await program.waitUntil('ingested', async () => {
      for await (const { objects } of uploads.list('journal/system=host-scrub/'))
        key = objects[0]?.key ?? key;
      return key !== '' && (await uploadsIn('pending')) === 0;
    });
    const bytes = await uploads.get(key);
    await uploads.put(key, 'damaged');
    expect((await program.run(['scrub', '--wait'])).code).toBe(1);
    expect(await runAll(steps.amiss)).toContain(`object_differs  ${key}`);
    await uploads.put(key, bytes);
    expect(await runAll(steps.well)).toMatch(/nothing stands\n[^]*passed; memories [1-9]/);
  });

  it('each listing of object storage is counted, by what it is for: 004 goes by it', async () => {
    const counted = async (purpose: string): Promise<number> => {
      const text = await (await ask('/metrics')).text();
      const sample = new RegExp(`^akosha_object_list_requests_total\\{purpose="${purpose}"\\} (\\d+)$`, 'm');
      return Number(sample.exec(text)?.[1] ?? 0);
    };
    const before = await counted('inbox');
    expect(before).toBeGreaterThan(0);
    await program.waitUntil('another look', async () => (await counted('inbox')) > before);
    const walked = await counted('walk');
    await program.walk();
    expect(await counted('walk')).toBeGreaterThan(walked);
  });

  it('every metric and label in the rules of the alerts is exported', async () => {
    const rules = parse(await readFile('deploy/prometheus/akosha.rules.yml', 'utf8')) as {
      groups: { rules: { expr: string }[] }[];
    };
    // The schedules were there when this server began, and are read soon after.
    let exported = '';
    await program.waitUntil('told of its schedules', async () => {
      exported = await (await ask('/metrics')).text();
      return exported.includes('akosha_schedule_missed_total{');
    });
    const selectors = rules.groups
      .flatMap((group) => group.rules)
      .flatMap(({ expr }) => [...expr.matchAll(/(akosha_\w+)(?:\{([^}]*)\})?/g)]);
    expect(selectors.length).toBeGreaterThan(8);
    for (const [selector, name = '', labels = ''] of selectors) {
      const family = exported.includes(`# HELP ${name} `) ? name : name.replace(/_(bucket|count|sum)$/, '');
      expect(exported, selector).toMatch(new RegExp(`^# HELP ${family} `, 'm'));
      // Series of a queue of events are there where one is set; its test names them.
      if (name === 'akosha_ingestion_queue_messages') continue;
      const label = /^(\w+)/.exec(labels)?.[1];
      const series = label === undefined ? `^${name}[ {]` : `^${name}\\{[^}]*${label}="`;
      expect(exported, selector).toMatch(new RegExp(series, 'm'));
    }
    expect(exported).toMatch(/^akosha_circuit_breaker_state\{name="object-store"\} 0$/m);
  });
});
