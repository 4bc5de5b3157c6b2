import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import {
  endProcess,
  isRunning,
  processStart,
  signalProcess,
  type ProcessRef,
} from '../../src/runtime/index.js';

describe('a process by number and start time', () => {
  const children: ChildProcess[] = [];

  async function start(code: string): Promise<{ child: ChildProcess; ref: ProcessRef }> {
    const child = spawn(process.execPath, ['-e', `${code}; console.log('up'); setInterval(() => {}, 1000)`]);
    children.push(child);
    await once(child.stdout, 'data');
    const pid = child.pid ?? 0;
    return { child, ref: { pid, startedAt: processStart(pid) ?? '' } };
  }

  afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

  it('is the same at every look, and another for another process', async () => {
    const { ref } = await start('');
    expect(processStart(ref.pid)).toBe(ref.startedAt);
    expect(ref.startedAt).not.toBe('');
    expect(processStart(process.pid)).not.toBe(ref.startedAt);
  });

  it('ends on request', async () => {
    const { child, ref } = await start('');
    await endProcess(ref);
    expect(isRunning(ref)).toBe(false);
    expect(child.signalCode ?? (await once(child, 'exit'))[1]).toBe('SIGTERM');
  });

  it('is killed where it does not go by itself', async () => {
    const { child, ref } = await start(`process.on('SIGTERM', () => {})`);
    await endProcess(ref, 200);
    expect(child.signalCode ?? (await once(child, 'exit'))[1]).toBe('SIGKILL');
  });

  it('does not run once it has ended, even before its parent has asked how', async () => {
    // The shell starts a child that ends at once, and becomes a program that never asks for its exit code.
    const parent = spawn('sh', ['-c', 'true & echo $!; exec sleep 30']);
    children.push(parent);
    const pid = Number(String(await once(parent.stdout, 'data')));
    expect(pid).toBeGreaterThan(0);
    await expect.poll(() => processStart(pid)).toBeUndefined();
  });

  it('never signals another process of the same number', async () => {
    const { child, ref } = await start('');
    const earlier = { pid: ref.pid, startedAt: `${ref.startedAt}0` };
    signalProcess(earlier, 'SIGKILL');
    await endProcess(earlier, 0);
    expect(isRunning(ref)).toBe(true);
    expect(child.signalCode).toBeNull();
  });
});
