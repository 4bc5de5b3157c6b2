import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { SEARCH_ATTRIBUTES } from '../../src/contract/index.js';

const COMPOSE_FILE = 'docker-compose.yml';

const Compose = z.object({
  services: z.record(
    z.string(),
    z.object({
      image: z.string(),
      build: z.unknown().optional(),
      command: z.array(z.string()).optional(),
      depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
      environment: z.record(z.string(), z.string()).default({}),
      healthcheck: z.object({ test: z.array(z.string()) }).optional(),
      networks: z.array(z.string()).default([]),
      ports: z.array(z.string()).default([]),
      restart: z.string(),
      stop_grace_period: z.string().optional(),
      volumes: z.array(z.string()).default([]),
    }),
  ),
  networks: z.record(z.string(), z.unknown()),
  volumes: z.record(z.string(), z.unknown()),
});

const LINTER = 'node_modules/dclint/bin/dclint.cjs';
/** Its rules of taste, which are not ours. The others are the Compose specification's schema and known mistakes. */
const TASTE = [
  'no-build-and-image',
  'service-dependencies-alphabetical-order',
  'service-keys-order',
  'service-ports-alphabetical-order',
  'services-alphabetical-order',
  'top-level-properties-order',
];
const Reports = z
  .array(
    z.object({ messages: z.array(z.object({ rule: z.string(), line: z.number(), message: z.string() })) }),
  )
  .length(1);

function problemsIn(file: string): string[] {
  const args = [LINTER, file, '--formatter', 'json', ...TASTE.flatMap((rule) => ['--disable-rule', rule])];
  const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  const reports = Reports.parse(JSON.parse(stdout));
  return reports.flatMap(({ messages }) =>
    messages.map(({ rule, line, message }) => `${rule}:${line}: ${message}`),
  );
}

describe('docker-compose.yml', () => {
  let compose: z.infer<typeof Compose>;
  let services: [string, z.infer<typeof Compose>['services'][string]][];

  beforeAll(async () => {
    compose = Compose.parse(parse(await readFile(COMPOSE_FILE, 'utf8'), { merge: true }));
    services = Object.entries(compose.services);
  });

  it('keeps to the Compose specification', () => {
    expect(problemsIn(COMPOSE_FILE)).toEqual([]);
  });

  it.each([
    ['a misspelt key', 'stop_grace_period: 45s', 'stop_grace_periods: 45s'],
    ['a condition that does not exist', 'condition: service_healthy', 'condition: service_up'],
    ['an unpinned image', 'postgres:16.10-bookworm', 'postgres:latest'],
    ['a port that is open to every interface', `'127.0.0.1:8682:8682'`, `'8682:8682'`],
  ])('is checked by something that finds %s', async (_what, right, wrong) => {
    const folder = await mkdtemp(join(tmpdir(), 'akosha-compose-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'docker-compose.yml');
    const text = await readFile(COMPOSE_FILE, 'utf8');
    expect(text).toContain(right);
    await writeFile(file, text.replace(right, wrong));
    expect(problemsIn(file)).not.toEqual([]);
  });

  it('has the parts that the program needs', () => {
    const names = ['postgres', 'temporal', 'temporal-ui', 's3', 'server', 'agent'];
    expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(names));
  });

  it('pins every image to a full version', () => {
    for (const [name, { image }] of services) expect(image, name).toMatch(/:\d+\.\d+(\.\d+)?(-[a-z]+)?$/);
  });

  it('checks the health of every service that stays', () => {
    for (const [name, service] of services) {
      if (service.restart === 'no') continue;
      expect(service.healthcheck?.test[0], name).toBe('CMD');
    }
  });

  it('waits for a health that is checked, or for an end that comes', () => {
    for (const [name, { depends_on }] of services) {
      for (const [other, { condition }] of Object.entries(depends_on)) {
        const awaited = compose.services[other];
        const ends = awaited?.restart === 'no';
        expect(condition, `${name} on ${other}`).toBe(
          ends ? 'service_completed_successfully' : 'service_healthy',
        );
      }
    }
  });

  it('declares the volumes and networks that it uses, and uses those that it declares', () => {
    const sources = services.flatMap(([, { volumes }]) =>
      volumes.map((volume) => volume.split(':')[0] ?? ''),
    );
    const named = sources.filter((source) => /^[a-z]/.test(source));
    expect([...new Set(named)].sort()).toEqual(Object.keys(compose.volumes).sort());
    const networks = services.flatMap(([, service]) => service.networks);
    expect([...new Set(networks)].sort()).toEqual(Object.keys(compose.networks).sort());
  });

  it('publishes to this machine only', () => {
    const published = services.flatMap(([, { ports }]) => ports);
    expect(published.length).toBeGreaterThan(0);
    for (const port of published) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('does not start the server without a token, and gives it time to drain', () => {
    expect(compose.services['server']?.environment['AKOSHA_API_TOKEN']).toMatch(
      /^\$\{AKOSHA_API_TOKEN:\?.+\}$/,
    );
    for (const name of ['server', 'agent']) {
      const period = compose.services[name]?.stop_grace_period ?? '';
      expect(Number(period.replace(/s$/, '')), name).toBeGreaterThan(30);
    }
  });

  it('registers every search attribute that workflows carry', () => {
    const command = compose.services['temporal-attributes']?.command ?? [];
    const names = command.flatMap((word) => /^--name=(.+)$/.exec(word)?.[1] ?? []);
    expect(names.sort()).toEqual(Object.values(SEARCH_ATTRIBUTES).sort());
    expect(command.filter((word) => word === '--type=Keyword')).toHaveLength(names.length);
  });
});

describe('Dockerfile', () => {
  let instructions: string[];

  beforeAll(async () => {
    const text = await readFile('Dockerfile', 'utf8');
    instructions = text
      .replace(/\\\n\s*/g, '')
      .split('\n')
      .filter((line) => /^[A-Z]+ /.test(line));
  });

  const last = (word: string): string | undefined =>
    instructions.filter((line) => line.startsWith(`${word} `)).at(-1);

  it('starts from a pinned image with glibc', () => {
    expect(last('ARG')).toMatch(/^ARG NODE_IMAGE=node:\d+\.\d+\.\d+-bookworm-slim$/);
  });

  it('runs as a user without rights, is stopped by SIGTERM, and says whether it is well', () => {
    expect(last('USER')).toBe('USER node');
    expect(last('STOPSIGNAL')).toBe('STOPSIGNAL SIGTERM');
    expect(last('HEALTHCHECK')).toContain('/health');
  });

  it('copies only what the builder is sent', async () => {
    const ignore = await readFile('.dockerignore', 'utf8');
    const sent = ignore.split('\n').flatMap((line) => /^!(.+)$/.exec(line)?.[1] ?? []);
    const copied = instructions
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from'))
      .flatMap((line) => line.split(' ').slice(1, -1));
    expect(copied.length).toBeGreaterThan(0);
    for (const path of copied) expect(sent).toContain(path);
  });
});
