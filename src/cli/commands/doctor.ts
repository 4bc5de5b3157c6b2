import { access, constants, mkdir } from 'node:fs/promises';
import type { Command } from 'commander';
import { readSettings, type Settings } from '../../config/index.js';
import { messageOf } from '../../contract/index.js';
import { openObjectStore } from '../../objects/index.js';
import { findModel, findServer } from '../../servers/index.js';
import { useLocalS3Credentials } from '../../processes/host.js';
import { openTemporal } from '../clients.js';
import { EXIT } from '../errors.js';
import { print, table, withJson } from '../output.js';
import { withSettings, type SettingOptions } from '../settings.js';

interface Check {
  check: string;
  /** `missing` does without something; `failed` cannot work. */
  status: 'ok' | 'missing' | 'failed';
  detail: string;
  /** How to get what is missing. */
  remedy: string | null;
}

export function define(command: Command): void {
  withJson(withSettings(command))
    .addHelpText(
      'after',
      `
Exit code 1 where something is wrong that Akosha cannot work without.

Example:
  akosha doctor --json`,
    )
    .action(run);
}

async function run(options: SettingOptions & { json?: boolean }): Promise<void> {
  const { settings, warnings } = readSettings({
    ...(options.config === undefined ? {} : { configPath: options.config }),
    ...(options.dataDir === undefined ? {} : { overrides: { dataDir: options.dataDir } }),
  });
  const checks = [
    checkNode(),
    await checkFolder(settings),
    await checkDatabases(settings),
    await checkObjectStore('object store', settings.objectStore, settings),
    ...(settings.archiveStore === settings.objectStore
      ? []
      : [await checkObjectStore('archive store', settings.archiveStore, settings)]),
    await checkTemporal(settings),
    await checkProgram(
      'temporal',
      'Temporal server program',
      'needed by `akosha up` unless TEMPORAL_ADDRESS is set',
    ),
    await checkProgram('weed', 'S3 server program', 'needed by `akosha up --s3` only'),
    await checkModel(settings),
    ...warnings.map((detail): Check => ({ check: 'settings', status: 'missing', detail, remedy: null })),
  ];
  if (checks.some((check) => check.status === 'failed')) process.exitCode = EXIT.failed;
  print({ ok: process.exitCode !== EXIT.failed, checks }, options.json, (answer) =>
    table(
      answer.checks.map(({ check, status, detail, remedy }) => [
        status,
        check,
        remedy === null ? detail : `${detail}: ${remedy}`,
      ]),
    ),
  );
}

function ok(check: string, detail: string): Check {
  return { check, status: 'ok', detail, remedy: null };
}

function checkNode(): Check {
  return ok('Node.js', process.version);
}

async function checkFolder({ dataDir }: Settings): Promise<Check> {
  try {
    await mkdir(dataDir, { recursive: true });
    await access(dataDir, constants.W_OK);
    return ok('data folder', dataDir);
  } catch (error) {
    return {
      check: 'data folder',
      status: 'failed',
      detail: messageOf(error),
      remedy: 'set AKOSHA_DATA_DIR to a folder that can be written',
    };
  }
}

async function checkDatabases({ databases }: Settings): Promise<Check> {
  const found: string[] = [];
  for (const file of databases) {
    await access(file, constants.R_OK).then(
      () => found.push(file),
      () => undefined,
    );
  }
  if (found.length > 0) return ok('databases', found.join(', '));
  return {
    check: 'databases',
    status: 'missing',
    detail: 'none of the named databases can be read',
    remedy: 'set AKOSHA_DATABASES, if this host has memories to upload',
  };
}

async function checkObjectStore(check: string, url: string, { dataDir }: Settings): Promise<Check> {
  try {
    await useLocalS3Credentials(dataDir);
    const store = await openObjectStore(url);
    try {
      await store.check();
      return ok(check, store.url);
    } finally {
      await store.close();
    }
  } catch (error) {
    return {
      check,
      status: 'failed',
      detail: messageOf(error),
      remedy: 'check AKOSHA_OBJECT_STORE, AKOSHA_ARCHIVE_STORE and the AWS credentials',
    };
  }
}

async function checkTemporal(settings: Settings): Promise<Check> {
  const client = await openTemporal(settings);
  try {
    const { address } = client.connection;
    if (await client.isReachable(2_000)) return ok('Temporal', address);
    return {
      check: 'Temporal',
      status: 'missing',
      detail: `does not answer at ${address}`,
      remedy: 'start `akosha up`, or set TEMPORAL_ADDRESS',
    };
  } finally {
    await client.close();
  }
}

async function checkProgram(name: 'temporal' | 'weed', check: string, need: string): Promise<Check> {
  const found = await findServer(name);
  if (found !== undefined) return ok(check, `${found.path} (${found.source})`);
  return {
    check,
    status: 'missing',
    detail: need,
    remedy: `run \`npm run setup\`, or set AKOSHA_${name.toUpperCase()}_BIN`,
  };
}

async function checkModel(settings: Settings): Promise<Check> {
  const found = settings.modelDir ?? (await findModel())?.directory;
  if (found !== undefined) return ok('embedding model', found);
  return {
    check: 'embedding model',
    status: 'missing',
    detail: 'search goes by words alone',
    remedy: 'run `npm run setup`, or set AKOSHA_MODEL_DIR',
  };
}
