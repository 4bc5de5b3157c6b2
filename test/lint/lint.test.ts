import { resolve } from 'node:path';
import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';
import { beforeAll, describe, expect, it } from 'vitest';

/**
 * Code that must not pass, linted as if it stood in the named file. Rules that need types see it in place of a file
 * of the project (`EXISTING`); the others in a file that need not exist.
 */
const EXISTING = 'src/runtime/entry.ts';

/** The types of the file and of what it imports alone: to load those of the whole project takes ten seconds of a core. */
const FEW_FILES = {
  projectService: false,
  project: resolve('test/lint/tsconfig.fixtures.json'),
  // What is linted is not what the file holds.
  disallowAutomaticSingleRunInference: true,
};

interface Fixture {
  rule: string;
  file: string;
  code: string;
}

const DETERMINISM: Fixture[] = [
  { rule: '@typescript-eslint/no-restricted-imports', code: `import { readFile } from 'node:fs/promises';` },
  { rule: '@typescript-eslint/no-restricted-imports', code: `import { randomUUID } from 'crypto';` },
  {
    rule: '@typescript-eslint/no-restricted-imports',
    code: `import { heartbeat } from '@temporalio/activity';`,
  },
  { rule: '@typescript-eslint/no-restricted-imports', code: `import { Client } from '@temporalio/client';` },
  { rule: '@typescript-eslint/no-restricted-imports', code: `import { Worker } from '@temporalio/worker';` },
  {
    rule: '@typescript-eslint/no-restricted-imports',
    code: `import { S3Client } from '@aws-sdk/client-s3';`,
  },
  {
    rule: '@typescript-eslint/no-restricted-imports',
    code: `import { DuckDBInstance } from '@duckdb/node-api';`,
  },
  { rule: '@typescript-eslint/no-restricted-imports', code: `import { z } from 'zod';` },
  { rule: 'no-restricted-globals', code: `export const place = process.env['HOME'];` },
  { rule: 'no-restricted-globals', code: `export const answer = () => fetch('http://localhost');` },
  { rule: 'no-restricted-globals', code: `export const later = () => setTimeout(() => undefined, 1);` },
  { rule: 'no-restricted-globals', code: `export const now = () => performance.now();` },
  { rule: 'no-restricted-globals', code: `export const weak = (value: object) => new WeakRef(value);` },
  { rule: 'no-restricted-syntax', code: `export const load = () => import('./other.js');` },
].map((fixture) => ({ ...fixture, file: 'src/workflows/fixture.ts' }));

const ONE_WAY: Omit<Fixture, 'rule'>[] = [
  { file: 'src/contract/fixture.ts', code: `import { z } from 'zod';` },
  { file: 'src/contract/fixture.ts', code: `import type { Row } from '../memory/index.js';` },
  { file: 'src/objects/fixture.ts', code: `import { openStore } from '../store/index.js';` },
  { file: 'src/objects/fixture.ts', code: `import { readTables } from '../reader/index.js';` },
  { file: 'src/store/fixture.ts', code: `export { ingest } from '../ingest/index.js';` },
  { file: 'src/store/fixture.ts', code: `export * from '../search/index.js';` },
  { file: 'src/store/fixture.ts', code: `export const load = () => import('../cli/index.js');` },
  { file: 'src/store/fixture.ts', code: `export type Cli = import('../cli/index.js').Cli;` },
  { file: 'src/upload/fixture.ts', code: `import { openStore } from '../store/index.js';` },
  { file: 'src/upload/fixture.ts', code: `import type { Store } from '../store/index.js';` },
  { file: 'src/activities/agent.ts', code: `import { search } from '../search/index.js';` },
  { file: 'src/activities/agent-upload.ts', code: `import { ingest } from '../ingest/index.js';` },
  { file: 'src/workers/agent.ts', code: `import { openStore } from '../store/index.js';` },
  { file: 'src/ingest/fixture.ts', code: `import { settings } from '../config/index.js';` },
  { file: 'src/upload/fixture.ts', code: `import { log } from '../telemetry/index.js';` },
  { file: 'src/workflows/fixture.ts', code: `import { createActivities } from '../activities/server.js';` },
  { file: 'src/workflows/fixture.ts', code: `import { contentHash } from '../memory/index.js';` },
  { file: 'src/client/fixture.ts', code: `import { uploadMemory } from '../workflows/index.js';` },
  { file: 'src/ingest/fixture.ts', code: `import { Catalog } from '../store/embedded/catalog.js';` },
  { file: 'src/cli/fixture.ts', code: `import { helper } from '../../test/support/servers.js';` },
  { file: 'src/unheard-of/fixture.ts', code: `import { AkoshaError } from '../contract/index.js';` },
];

const ALLOWED: Omit<Fixture, 'rule'>[] = [
  { file: 'src/store/fixture.ts', code: `import { AkoshaError } from '../contract/index.js';` },
  { file: 'src/store/embedded/fixture.ts', code: `import type { Store } from '../store.js';` },
  { file: 'src/ingest/fixture.ts', code: `import { openStore } from '../store/embedded/index.js';` },
  { file: 'src/activities/server.ts', code: `import { search } from '../search/index.js';` },
  { file: 'src/workers/agent.ts', code: `import { createAgentActivities } from '../activities/agent.js';` },
  {
    file: 'src/workflows/fixture.ts',
    code: `import type { ServerActivities } from '../activities/server.js';`,
  },
  { file: 'src/workflows/fixture.ts', code: `import { tierOf } from '../memory/tier-rule.js';` },
  { file: 'src/workflows/fixture.ts', code: `import { proxyActivities } from '@temporalio/workflow';` },
  { file: 'src/client/fixture.ts', code: `import type { uploadMemory } from '../workflows/index.js';` },
  { file: 'src/cli/fixture.ts', code: `import { loadSettings } from '../config/index.js';` },
];

const TYPED: Omit<Fixture, 'file'>[] = [
  {
    rule: '@typescript-eslint/no-floating-promises',
    code: `export function f(): void { Promise.resolve(1); }`,
  },
  {
    rule: '@typescript-eslint/no-misused-promises',
    code: `export function f(list: string[]): void { list.forEach(async () => { await Promise.resolve(); }); }`,
  },
  {
    rule: '@typescript-eslint/consistent-type-imports',
    code: `import { ErrorType } from '../contract/index.js'; export type Mine = ErrorType;`,
  },
  {
    rule: '@typescript-eslint/no-deprecated',
    code: `/** @deprecated use another */ function old(): void {} export function f(): void { old(); }`,
  },
  {
    rule: '@typescript-eslint/switch-exhaustiveness-check',
    code: `export function f(tier: 'hot' | 'cold'): number { switch (tier) { case 'hot': return 1; } return 0; }`,
  },
  { rule: '@typescript-eslint/no-explicit-any', code: `export const f = (value: any): unknown => value;` },
  {
    rule: '@typescript-eslint/no-non-null-assertion',
    code: `export const f = (value: string | undefined): string => value!;`,
  },
];

const rulesBroken = async (
  eslint: ESLint,
  { file, code }: Omit<Fixture, 'rule'>,
): Promise<(string | null)[]> => {
  const [result] = await eslint.lintText(`${code}\n`, { filePath: resolve(file) });
  expect(result?.fatalErrorCount, JSON.stringify(result?.messages)).toBe(0);
  return (result?.messages ?? []).map(({ ruleId }) => ruleId);
};

describe('the lint configuration', () => {
  let untyped: ESLint;
  let typed: ESLint;

  beforeAll(() => {
    typed = new ESLint({ overrideConfig: [{ languageOptions: { parserOptions: FEW_FILES } }] });
    // The type checker knows only files that exist.
    untyped = new ESLint({ overrideConfig: [tseslint.configs.disableTypeChecked] });
  });

  it.each(DETERMINISM)('keeps workflow code deterministic: $code', async (fixture) => {
    expect(await rulesBroken(untyped, fixture)).toContain(fixture.rule);
    expect(await rulesBroken(untyped, { ...fixture, file: 'src/contract/fixture.ts' })).toContain(
      fixture.rule,
    );
    expect(await rulesBroken(untyped, { ...fixture, file: 'src/cli/fixture.ts' })).not.toContain(
      fixture.rule,
    );
  });

  it.each(ONE_WAY)('keeps imports one way: $file: $code', async (fixture) => {
    expect(await rulesBroken(untyped, fixture)).toContain('akosha/one-way-imports');
  });

  it.each(ALLOWED)('lets pass: $file: $code', async (fixture) => {
    const broken = await rulesBroken(untyped, fixture);
    expect(broken).not.toContain('akosha/one-way-imports');
    expect(broken).not.toContain('@typescript-eslint/no-restricted-imports');
  });

  it.each(TYPED)('finds $rule', async ({ rule, code }) => {
    expect(await rulesBroken(typed, { file: EXISTING, code })).toContain(rule);
  });

  it('finds an import that leads back to its file', async () => {
    const code = `export { AkoshaError } from './index.js';`;
    expect(await rulesBroken(untyped, { file: 'src/contract/ids.ts', code })).toContain('import-x/no-cycle');
  });

  it('finds a switched-off rule that nothing broke', async () => {
    const [result] = await untyped.lintText('// eslint-disable-next-line eqeqeq\nexport const one = 1;\n', {
      filePath: resolve(EXISTING),
    });
    expect(result?.errorCount).toBe(1);
  });
});
