import { spawnSync } from 'node:child_process';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

const FOLDER = 'deploy/prometheus';
const RULES = join(FOLDER, 'akosha.rules.yml');
const TESTS = join(FOLDER, 'akosha.rules.test.yml');
const WEEKLY_TESTS = join(FOLDER, 'akosha.weekly.rules.test.yml');

const Rules = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          alert: z.string(),
          expr: z.string(),
          for: z.string().optional(),
          labels: z.object({ severity: z.enum(['warning', 'critical']) }),
          annotations: z.object({ summary: z.string(), description: z.string(), runbook: z.string() }),
        }),
      ),
    }),
  ),
});
const Cases = z.object({
  tests: z.array(
    z.object({
      alert_rule_test: z.array(z.object({ alertname: z.string(), exp_alerts: z.array(z.unknown()) })),
    }),
  ),
});

function promtool(...args: string[]): { status: number | null; output: string } {
  const done = spawnSync(process.execPath, ['scripts/promtool.mjs', ...args], { encoding: 'utf8' });
  return { status: done.status, output: done.stdout + done.stderr };
}

describe('the alerts', () => {
  let rules: z.infer<typeof Rules>['groups'][number]['rules'];

  beforeAll(async () => {
    rules = Rules.parse(parse(await readFile(RULES, 'utf8'))).groups.flatMap((group) => group.rules);
  });

  it('are rules that Prometheus takes', () => {
    expect(promtool('check', 'rules', RULES)).toMatchObject({
      status: 0,
      output: expect.stringContaining(`${rules.length} rules found`),
    });
  });

  it('fire when they should, and not when they should not', () => {
    expect(promtool('test', 'rules', TESTS, WEEKLY_TESTS)).toMatchObject({ status: 0 });
  });

  it('are each shown firing, and not', async () => {
    const files = await Promise.all([TESTS, WEEKLY_TESTS].map((file) => readFile(file, 'utf8')));
    const cases = files
      .flatMap((text) => Cases.parse(parse(text)).tests)
      .flatMap((test) => test.alert_rule_test);
    for (const { alert } of rules) {
      const own = cases.filter(({ alertname }) => alertname === alert);
      expect(own.filter(({ exp_alerts: fires }) => fires.length > 0).length, alert).toBeGreaterThan(0);
      expect(own.filter(({ exp_alerts: fires }) => fires.length === 0).length, alert).toBeGreaterThan(0);
    }
  });

  it('of a backlog have the severity that their runbook says', async () => {
    const runbook = await readFile('docs/runbooks/001-ingestion-backlog.md', 'utf8');
    const severity = /^\| Severity +\| (.*?) +\|$/m.exec(runbook)?.[1];
    expect(severity).toBe(
      'warning above 10,000 uploads, and where one has waited for more than 30 minutes; critical above 50,000',
    );
    const severities = [
      'AkoshaIngestionBacklogHigh',
      'AkoshaOldestUploadLate',
      'AkoshaIngestionBacklogCritical',
    ].map((name) => rules.find(({ alert }) => alert === name)?.labels.severity);
    expect(severities).toEqual(['warning', 'warning', 'critical']);
  });

  it('are checked by something that finds another threshold, and a rule that is none', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'akosha-rules-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const [text, tests] = await Promise.all([readFile(RULES, 'utf8'), readFile(TESTS, 'utf8')]);
    await writeFile(join(folder, 'akosha.rules.test.yml'), tests);
    const file = join(folder, 'akosha.rules.yml');
    await writeFile(file, text.replace('> 10000', '> 20000'));
    expect(promtool('test', 'rules', join(folder, 'akosha.rules.test.yml')).status).toBe(1);
    await writeFile(file, text.replace('delta(', 'delta(('));
    expect(promtool('check', 'rules', file).status).toBe(1);
  });

  it('have the thresholds that were agreed', () => {
    const backlog = rules.filter(({ expr }) => expr.startsWith('akosha_ingestion_backlog_count'));
    expect(
      backlog.map(({ alert, expr, for: period, labels }) => [alert, expr, period, labels.severity]),
    ).toEqual([
      ['AkoshaIngestionBacklogHigh', 'akosha_ingestion_backlog_count > 10000', '5m', 'warning'],
      ['AkoshaIngestionBacklogCritical', 'akosha_ingestion_backlog_count > 50000', '2m', 'critical'],
    ]);
  });

  it('name runbooks that are there and name them', async () => {
    for (const { alert, annotations } of rules) {
      await access(annotations.runbook);
      expect(await readFile(annotations.runbook, 'utf8'), alert).toContain(`\`${alert}\``);
    }
  });

  it('fail clearly where promtool is not to be had', () => {
    const environment = { ...process.env, AKOSHA_PROMTOOL_BIN: '/nowhere/promtool' };
    const done = spawnSync(process.execPath, ['scripts/promtool.mjs', 'check', 'rules', RULES], {
      encoding: 'utf8',
      env: environment,
    });
    expect(done).toMatchObject({ status: 1, stderr: expect.stringContaining('AKOSHA_PROMTOOL_BIN names') });
  });
});
