import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse } from 'jsonc-parser';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findHook, installHook, removeHook } from '../../../src/cli/install/claude-hook.js';
import { shellCommand } from '../../../src/cli/command-line.js';

const COMMAND = shellCommand(['/usr/bin/node', '/opt/akosha/main.js', 'session-end', '--data-dir', '/data']);

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'akosha-hooks-'));
  file = path.join(folder, 'settings.json');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const read = (): Promise<string> => readFile(file, 'utf8');

const THEIRS = `{
    "model": "opus",   "env": {"A": "1"},
    "hooks": {
        "SessionEnd": [
            {
                "hooks": [
                    { "type": "command", "command": "python3 sb_session_end.py" }
                ]
            }
        ],
        "Stop": []
    }
}`;

describe('the hook of Claude Code', () => {
  it('is added as its documentation of hooks has it, where there is no file yet', async () => {
    expect(await installHook(file, COMMAND)).toEqual({ file, command: COMMAND, changed: true });
    expect(JSON.parse(await read())).toEqual({
      hooks: { SessionEnd: [{ hooks: [{ type: 'command', command: COMMAND, timeout: 10 }] }] },
    });
    expect(await findHook(file)).toEqual({ file, command: COMMAND });
  });

  it.each([
    ['a file with hooks of others', THEIRS],
    ['one without hooks', '{\n\t"model": "opus"\n}\n'],
    ['one on one line', '{"model":"opus"}'],
    ['one with Windows line ends', '{\r\n  "model": "opus"\r\n}\r\n'],
    ['one with comments', '{\n  // mine\n  "model": "opus"\n}\n'],
  ])('is added to %s and taken out again, which leaves the values of all the rest', async (_what, before) => {
    await writeFile(file, before);
    await installHook(file, COMMAND);
    const installed = await read();
    expect(installed).toContain('session-end --data-dir /data');
    expect(parse(installed)).toMatchObject({ model: 'opus' });
    expect(await removeHook(file)).toEqual({ file, command: null, changed: true });
    const after = await read();
    // What is on one line is laid out anew, which is a matter of spaces.
    if (before.includes('\n')) expect(after).toBe(before);
    else expect(parse(after)).toEqual(parse(before));
    expect(await findHook(file)).toEqual({ file, command: null });
  });

  it('leaves every byte of others as it was', async () => {
    await writeFile(file, THEIRS);
    await installHook(file, COMMAND);
    expect(await read()).toContain(THEIRS.slice(0, THEIRS.indexOf('"hooks"')));
    await removeHook(file);
    expect(await read()).toBe(THEIRS);
  });

  it('is there once, however often it is installed, and follows a new command', async () => {
    await writeFile(file, THEIRS);
    await installHook(file, COMMAND);
    expect(await installHook(file, COMMAND)).toMatchObject({ changed: false });
    const moved = COMMAND.replace('/data', '/elsewhere');
    expect(await installHook(file, moved)).toMatchObject({ changed: true });
    expect((await read()).match(/session-end --data-dir/g)).toHaveLength(1);
    expect(await findHook(file)).toEqual({ file, command: moved });
  });

  it('changes nothing where there is nothing to take out', async () => {
    await writeFile(file, THEIRS);
    expect(await removeHook(file)).toEqual({ file, command: null, changed: false });
    expect(await read()).toBe(THEIRS);
  });

  it.each([
    ['{ "hooks": ', 'it is not a JSON object'],
    ['[]', 'it is not a JSON object'],
    ['{ "hooks": [] }', '"hooks" is not an object'],
    ['{ "hooks": { "SessionEnd": {} } }', '"hooks.SessionEnd" is not a list'],
  ])('refuses %j, and leaves it alone', async (text, reason) => {
    await writeFile(file, text);
    await expect(installHook(file, COMMAND)).rejects.toMatchObject({
      type: 'BadRequest',
      message: expect.stringContaining(reason) as string,
    });
    expect(await read()).toBe(text);
  });

  it('keeps the permissions of the file, and a link a link', async () => {
    const real = path.join(folder, 'dotfiles.json');
    await writeFile(real, '{}');
    await chmod(real, 0o640);
    await symlink(real, file);
    await installHook(file, COMMAND);
    expect(JSON.parse(await readFile(real, 'utf8'))).toHaveProperty('hooks');
    expect((await stat(real)).mode & 0o777).toBe(0o640);
  });
});
