import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAX_QUERY_CHARACTERS } from '../../src/contract/index.js';
import { Program } from '../support/program.js';

let program: Program;
beforeAll(async () => {
  program = await Program.create();
});
afterAll(() => program.destroy());

const WRONG: [args: string[], message: string, help: string][] = [
  [['serch'], "unknown command 'serch' (Did you mean search?)", 'akosha --help'],
  [['search'], "missing required argument 'text'", 'akosha search --help'],
  [['status', '--jsn'], "unknown option '--jsn' (Did you mean --json?)", 'akosha status --help'],
  [['up', 'now'], "too many arguments for 'up'. Expected 0 arguments but got 1.", 'akosha up --help'],
  [['schedules', 'pause'], "missing required argument 'schedule'", 'akosha schedules pause --help'],
  [
    ['sync', '--timeout', 'soon'],
    "option '--timeout <seconds>' argument 'soon' is invalid. It must be a number above 0.",
    'akosha sync --help',
  ],
];

describe('wrong usage', () => {
  it.each(WRONG)('of %j is told in a line, with where to read more', async (args, message, help) => {
    expect(await program.run(args)).toEqual({
      code: 2,
      stdout: '',
      stderr: `akosha: ${message}\nsee ${help}\n`,
    });
  });

  it.each(WRONG)('of %j is JSON on stdout with --json', async (args, message, help) => {
    const { code, stdout, stderr } = await program.run([...args, '--json']);
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ success: false, error: { code: 'BadRequest', message, help } });
  });

  it('does not stand in the way of help, which has exit code 0', async () => {
    for (const args of [['search', '--help'], ['help', 'search'], []]) {
      const { code, stdout, stderr } = await program.run(args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/^Usage: akosha/);
    }
    expect((await program.run(['help', 'search'])).stdout).toContain('--limit');
  });
});

describe('the text of a search', () => {
  it.each([
    ['empty', [''], /^query must not be blank/],
    ['blank', ['  ', '\t'], /^query must not be blank/],
    // In several words, because systems limit the length of one.
    [
      'too long',
      Array<string>(5).fill('x'.repeat(MAX_QUERY_CHARACTERS / 5)),
      /^query must not exceed 400000 characters \(MAX_QUERY_CHARACTERS\)/,
    ],
  ])('is refused where it is %s, whether or not a server runs', async (_case, words, message) => {
    const { code, stdout } = await program.run(['search', ...words, '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      success: false,
      error: { code: 'BadRequest', message: expect.stringMatching(message) },
    });
  });
});
