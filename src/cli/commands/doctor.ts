import { access, constants, mkdir } from 'node:fs/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { readSettings, type Settings } from '../../config/index.js';
import { isAkoshaError, messageOf } from '../../contract/index.js';
import { openObjectStore, type ObjectStore } from '../../objects/index.js';
import { findRunning, type RunningProgram } from '../../runtime/index.js';
import { findModel, findServer } from '../../servers/index.js';
import { findDatabases, resolveSystemId, tryObjectStore } from '../../upload/index.js';
import { checkPatterns, externalReaders, useLocalS3Credentials } from '../../processes/host.js';
import { findExternalReader, OWN_READER, READER_REMEDY } from '../../reader/index.js';
import { ApiClient, httpStatusOf } from '../api-client.js';
import { openTemporal } from '../clients.js';
import { EXIT } from '../errors.js';
import { leftServers, leftServerText } from '../left-servers.js';
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
  const running = await findRunning(settings.dataDir);
  const checks = [
    checkNode(),
    await checkFolder(settings),
    await checkDatabases(settings),
    ...(await checkObjectStores(settings, running)),
    ...(running === undefined ? checkLeftServers(settings) : []),
    await checkApi(settings),
    await checkTemporal(settings),
    await checkProgram(
      'temporal',
      'Temporal server program',
      'needed by `akosha up` unless TEMPORAL_ADDRESS is set',
    ),
    await checkProgram('weed', 'S3 server program', 'needed by `akosha up --s3` only'),
    await checkModel(settings),
    await checkReader(settings),
    ...(await checkExclusions(settings)),
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
  for (const file of await findDatabases(databases)) {
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

/** Those that the program on the data folder uses, which may have started one itself; else those of the settings. */
async function checkObjectStores(settings: Settings, running: RunningProgram | undefined): Promise<Check[]> {
  await useLocalS3Credentials(settings.dataDir);
  const objects = running?.object_store ?? settings.objectStore;
  const archive = running?.archive_store ?? settings.archiveStore;
  const user = running === undefined ? '' : ` (in use by process ${running.pid})`;
  const systemId = running?.system_id ?? (await resolveSystemId(settings.systemId, settings.dataDir));
  const tryUpload = (store: ObjectStore): Promise<void> => tryObjectStore(store, systemId);
  const tried = ', where a write, a refused second create-only write and a read succeed';
  const checks = [await checkObjectStore('object store', objects, tryUpload, tried + user)];
  if (archive !== objects) {
    checks.push(await checkObjectStore('archive store', archive, (store) => store.check(), user));
  }
  return checks;
}

async function checkObjectStore(
  check: string,
  url: string,
  attempt: (store: ObjectStore) => Promise<void>,
  told: string,
): Promise<Check> {
  try {
    const store = await openObjectStore(url);
    try {
      await attempt(store);
      return ok(check, `${store.url}${told}`);
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

/** While nothing runs: what `akosha up` started and a killed run left, such as the S3 server that holds its objects. */
function checkLeftServers({ dataDir }: Settings): Check[] {
  return leftServers(dataDir)
    .filter(({ alive }) => alive)
    .map((server) => ({
      check: 'left server',
      status: 'missing',
      detail: leftServerText(server),
      remedy: null,
    }));
}

/** A server that is up answers in milliseconds; one that is busy starting may take seconds. */
const API_TIMEOUT_MS = 5_000;

const ServerStatus = z.looseObject({ version: z.string(), ready: z.boolean() });

/** Reaches for the server as the other commands do, with the same token. */
async function checkApi(settings: Settings): Promise<Check> {
  try {
    const api = await ApiClient.open(settings);
    const { version, ready } = await api.get('/api/v1/status', ServerStatus, API_TIMEOUT_MS);
    if (ready) return ok('API', `${api.url}, version ${version}`);
    return {
      check: 'API',
      status: 'missing',
      detail: `${api.url} is not ready for work`,
      remedy: 'its log and GET /ready say why',
    };
  } catch (error) {
    const silent = isAkoshaError(error, 'ServerUnavailable') && httpStatusOf(error) === undefined;
    return { check: 'API', status: silent ? 'missing' : 'failed', detail: messageOf(error), remedy: null };
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

async function checkReader(settings: Settings): Promise<Check> {
  const check = 'reader of newer databases';
  let passedOver = '';
  const found = await findExternalReader(externalReaders(settings), (reason) => (passedOver = `${reason}; `));
  if (found !== undefined)
    return ok(check, `${passedOver}${found.name} (${found.source}: ${found.command[0] ?? ''})`);
  return {
    check,
    status: 'missing',
    detail: `${passedOver}databases of a newer DuckDB than ${OWN_READER} has are uploaded unread`,
    remedy: READER_REMEDY,
  };
}

/** What the settings' own check cannot tell. */
async function checkExclusions(settings: Settings): Promise<Check[]> {
  const check = 'exclude_patterns';
  try {
    await checkPatterns(settings);
    return [];
  } catch (error) {
    return [{ check, status: 'failed', detail: messageOf(error), remedy: 'correct AKOSHA_EXCLUDE_PATTERNS' }];
  }
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
