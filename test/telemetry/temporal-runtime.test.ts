import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, inject, it } from 'vitest';

const DOOR = fileURLToPath(new URL('../../dist/telemetry/index.js', import.meta.url));

/** In a process of its own, because the SDK's runtime is one for each process. */
async function run(script: string): Promise<{ stdout: string; stderr: string }> {
  const head = `const { createLog, installTemporalRuntime } = await import(${JSON.stringify(DOOR)});`;
  return promisify(execFile)(process.execPath, ['--input-type=module', '-e', `${head}\n${script}`], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
  });
}

describe('installTemporalRuntime', () => {
  it('sends the SDK’s lines to the log, at the log’s level, and may be called again', async () => {
    const { stdout, stderr } = await run(`
      const log = createLog({ level: 'info', format: 'json' });
      await installTemporalRuntime({ log });
      await installTemporalRuntime({ log });
      const { Runtime } = await import('@temporalio/worker');
      Runtime.instance().logger.info('worker says', { taskQueue: 'akosha', error: new Error('why') });
      Runtime.instance().logger.debug('too quiet');
      Runtime.instance().flushLogs();
      await Runtime.instance().shutdown();`);
    expect(stdout).toBe('');
    const lines: unknown[] = stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line): unknown => JSON.parse(line));
    expect(lines).toContainEqual(
      expect.objectContaining({
        level: 'info',
        part: 'temporal',
        msg: 'worker says',
        taskQueue: 'akosha',
        at: expect.stringMatching(/Z$/),
        err: expect.objectContaining({ message: 'why' }),
      }),
    );
    expect(stderr).not.toContain('too quiet');
  });

  it('does not warn of workers that take one kind of task, which ours do on purpose, and still warns of others', async () => {
    const { stderr } = await run(`
      await installTemporalRuntime({ log: createLog({ level: 'info', format: 'json' }) });
      const { Runtime, NativeConnection, Worker } = await import('@temporalio/worker');
      const connection = await NativeConnection.connect({ address: ${JSON.stringify(inject('temporal').address)} });
      const worker = await Worker.create({ connection, taskQueue: 'one-kind', activities: { nothing: async () => {} } });
      await worker.runUntil(async () => Runtime.instance().logger.warn('No luck today'));
      await connection.close();`);
    expect(stderr).toContain('Worker state changed');
    expect(stderr).toContain('No luck today');
    expect(stderr).not.toContain('registered');
  });

  it('leaves signals to the program', async () => {
    const { stdout } = await run(`
      await installTemporalRuntime({ log: createLog({ level: 'info', format: 'json' }) });
      console.log(process.listenerCount('SIGTERM'), process.listenerCount('SIGINT'));
      const { Runtime } = await import('@temporalio/worker');
      await Runtime.instance().shutdown();`);
    expect(stdout).toBe('0 0\n');
  });

  it('serves the SDK’s metrics where an address is set', async () => {
    const { stdout } = await run(`
      import { createServer } from 'node:net';
      const probe = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => probe.once('listening', resolve));
      const { port } = probe.address();
      await new Promise((resolve) => probe.close(resolve));
      const log = createLog({ level: 'silent', format: 'json' });
      await installTemporalRuntime({ log, metricsAddress: '127.0.0.1:' + port });
      const { Runtime } = await import('@temporalio/worker');
      Runtime.instance().metricMeter.createCounter('akosha_probe').add(3);
      const response = await fetch('http://127.0.0.1:' + port + '/metrics');
      console.log(response.status, await response.text());
      await Runtime.instance().shutdown();`);
    expect(stdout).toMatch(/^200 /);
    expect(stdout).toMatch(/akosha_probe_total\S* 3/);
  });

  it('is not loaded with telemetry’s door', async () => {
    const { stdout } = await run(`
      const { createRequire } = await import('node:module');
      const loaded = Object.keys(createRequire(${JSON.stringify(DOOR)}).cache);
      console.log(loaded.length > 0, loaded.some((path) => path.includes('@temporalio')));`);
    expect(stdout).toBe('true false\n');
  });
});
