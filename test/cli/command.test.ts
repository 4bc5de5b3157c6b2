import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeLock } from '../../src/runtime/index.js';
import { agentLockFile } from '../../src/runtime/lock-owner.js';
import { outboxStatus } from '../../src/upload/index.js';

const COMMAND = path.resolve('dist/cli/akosha.cjs');
const run = promisify(execFile);

/** What a process has loaded when it ends: files, and those of Node.js's own modules that it does not begin with. */
const RECORDER = `
const atStart = new Set(process.moduleLoadList);
process.on('exit', () => {
  const builtins = process.moduleLoadList.filter((name) => !atStart.has(name));
  const files = Object.keys(require.cache).filter((file) => file !== __filename);
  require('node:fs').writeFileSync(process.env.RECORD, JSON.stringify({ files, builtins }));
});
`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'akosha-command-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the command that package.json names', () => {
  it('is what the build makes of the compiled program', async () => {
    const packageJson: unknown = JSON.parse(await readFile('package.json', 'utf8'));
    expect(packageJson).toMatchObject({ bin: { akosha: './dist/cli/akosha.cjs' } });
    const fresh = path.join(folder, 'fresh.cjs');
    await run(process.execPath, ['scripts/bundle-command.mjs', fresh]);
    expect(await readFile(COMMAND, 'utf8')).toBe(await readFile(fresh, 'utf8'));
  });

  it('holds what the end of a session needs and nothing else', async () => {
    const modules = (await readFile(COMMAND, 'utf8')).matchAll(/^\/\/ (?:dist|node_modules)\/(.+)$/gm);
    expect(Array.from(modules, ([, name = '']) => name).sort()).toEqual([
      'cli/command-line.js',
      'cli/main.js',
      'cli/session-end.js',
      'libsql/auth.js',
      'libsql/index.js',
      'libsql/node_modules/detect-libc/lib/detect-libc.js',
      'libsql/node_modules/detect-libc/lib/filesystem.js',
      'libsql/node_modules/detect-libc/lib/process.js',
      'libsql/sqlite-error.js',
      'runtime/lock-owner.js',
      'runtime/process.js',
      'upload/outbox/database.js',
      'upload/outbox/request-row.js',
    ]);
  });

  it('loads SQLite and no more at the end of a session', async () => {
    const recorder = path.join(folder, 'recorder.cjs');
    const record = path.join(folder, 'record.json');
    await writeFile(recorder, RECORDER);
    const unlock = await takeLock(agentLockFile(folder));
    const args = ['--require', recorder, COMMAND, 'session-end', '--data-dir', folder];
    await run(process.execPath, args, { env: { ...process.env, RECORD: record } });
    await unlock();
    const loaded = JSON.parse(await readFile(record, 'utf8')) as { files: string[]; builtins: string[] };
    expect(loaded.files).toEqual([
      COMMAND,
      expect.stringMatching(/node_modules\/@libsql\/[^/]+\/index\.node$/),
    ]);
    // Which of SQLite's native parts belongs to this machine, its wrapper reads from a file, or from Node.js's report where there is none.
    expect(loaded.builtins.filter((name) => !name.endsWith('report'))).toEqual([]);
    expect(outboxStatus(folder).pending.requests).toBe(1);
  });
});
