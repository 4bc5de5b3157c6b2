import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { AkoshaError } from '../../src/contract/index.js';
import { createLog, type LogOptions } from '../../src/telemetry/index.js';

function capture(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const log = createLog({
    level: 'debug',
    format: 'json',
    ...options,
    destination: { write: (line: string) => void lines.push(line) },
  });
  const last = (): unknown => JSON.parse(lines.at(-1) ?? '');
  return { log, lines, last };
}

describe('a JSON log line', () => {
  it('has time, level by name, message, the child’s fields and its own', () => {
    const { log, last } = capture();
    log.child({ part: 'ingest' }).info({ rows: 3 }, 'ingested');
    expect(last()).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      part: 'ingest',
      rows: 3,
      msg: 'ingested',
    });
  });

  it('keeps the level', () => {
    const { log, lines } = capture({ level: 'warn' });
    log.info('quiet');
    log.warn('loud');
    expect(lines).toHaveLength(1);
  });

  it('tells an error’s type, details and causes', () => {
    const { log, last } = capture();
    const cause = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    log.error(
      { err: new AkoshaError('VerifyFailed', 'copy differs', { cause, details: { rows: 2 } }) },
      'move',
    );
    expect(last()).toMatchObject({
      msg: 'move',
      err: {
        type: 'VerifyFailed',
        message: 'copy differs',
        stack: expect.stringContaining('log.test.ts'),
        details: { rows: 2 },
        cause: { type: 'Error', message: 'no space', code: 'ENOSPC' },
      },
    });
  });

  it('survives an object that refers to itself', () => {
    const { log, last } = capture();
    const loop: Record<string, unknown> = { name: 'a' };
    loop['self'] = loop;
    log.info({ loop }, 'x');
    expect(last()).toMatchObject({ msg: 'x', loop: { name: 'a' } });
  });
});

describe('secrets', () => {
  it('are masked by name in any depth, in children and in errors; counts are not', () => {
    const { log, lines, last } = capture();
    const err = new AkoshaError('ObjectStoreRefused', 'no', { details: { secretAccessKey: 'leak-1' } });
    log.child({ apiToken: 'leak-2' }).info({
      request: { headers: [{ Authorization: 'Bearer leak-3' }] },
      credentials: ['leak-4'],
      tokens: 12,
      err,
    });
    expect(lines.join('')).not.toContain('leak');
    expect(last()).toMatchObject({ apiToken: '********', credentials: '********', tokens: 12 });
  });

  it.each(['json', 'text'] as const)('that are known are masked wherever they stand (%s)', (format) => {
    const secret = 'a"secret\\of ours';
    const { log, lines } = capture({ format, secrets: [secret] });
    log.info({ url: `http://x/?t=${secret}` }, `got ${secret}`);
    log.error({ err: new Error(`refused ${secret}`) });
    const text = lines.join('');
    expect(text).not.toContain('secret');
    expect(text.match(/\*{8}/g)?.length).toBeGreaterThanOrEqual(3);
  });
});

describe('a text log line', () => {
  it('is time, level, message and name=value', () => {
    const { log, lines } = capture({ format: 'text' });
    log.child({ part: 'api' }).warn({ rows: 3, why: 'two words' }, 'slow');
    expect(lines[0]).toMatch(/^\S+Z WARN {2}slow part=api rows=3 why="two words"\n$/);
  });

  it('puts an error’s type and stack on lines of their own', () => {
    const { log, lines } = capture({ format: 'text' });
    log.error({ err: new AkoshaError('StoreLocked', 'taken', { details: { pid: 7 } }) }, 'cannot start');
    expect(lines[0]).toMatch(
      /^\S+Z ERROR cannot start\n {4}StoreLocked\n {4}AkoshaError: taken\n(?: {4}.*\n)+$/,
    );
    expect(lines[0]).toContain('{"details":{"pid":7}}');
  });
});

it('goes to stderr, and is out when the process dies in its next statement', async () => {
  const door = fileURLToPath(new URL('../../dist/telemetry/index.js', import.meta.url));
  const script = `
    const { createLog } = await import(${JSON.stringify(door)});
    const log = createLog({ level: 'info', format: 'json' });
    for (let i = 0; i < 200; i++) log.info('more words');
    log.info('last words');
    process.kill(process.pid, 'SIGKILL');`;
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  await expect(run).rejects.toMatchObject({
    signal: 'SIGKILL',
    stdout: '',
    stderr: expect.stringContaining('last words'),
  });
});
