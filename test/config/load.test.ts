import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  detailsOf,
  environmentName,
  loadSettings,
  readSettings,
  SETTING_KEYS,
  zonesBySystem,
  type LoadOptions,
} from '../../src/config/index.js';
import { isAkoshaError } from '../../src/contract/index.js';

let home: string;
let cwd: string;

beforeEach(() => {
  const root = mkdtempSync(join(tmpdir(), 'akosha-config-'));
  home = join(root, 'home');
  cwd = join(root, 'work');
  mkdirSync(home);
  mkdirSync(cwd);
});
afterEach(() => rmSync(dirname(home), { recursive: true }));

function options(env: Record<string, string> = {}, more: LoadOptions = {}): LoadOptions {
  return { env: { HOME: home, ...env }, cwd, ...more };
}

function write(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

function faultsOf(given: LoadOptions): unknown {
  try {
    loadSettings(given);
  } catch (error) {
    if (isAkoshaError(error, 'SettingsInvalid')) return error.details['faults'];
    throw error;
  }
  throw new Error('the settings were accepted');
}

function messageOfRefusal(given: LoadOptions): string {
  try {
    loadSettings(given);
  } catch (error) {
    if (isAkoshaError(error, 'SettingsInvalid')) return error.message;
    throw error;
  }
  throw new Error('the settings were accepted');
}

describe('defaults', () => {
  it('need nothing but a home folder', () => {
    const settings = loadSettings(options());
    expect(settings).toMatchObject({
      dataDir: join(home, '.local/share/akosha'),
      host: '127.0.0.1',
      port: 8682,
      hotDays: 7,
      warmDays: 90,
      coldRetentionDays: 2557,
      clock: 'system',
      longestRequestSeconds: 600,
      longestSearchSeconds: 30,
    });
    expect(settings.databases).toEqual([
      join(home, '.claude/data/reflection.duckdb'),
      join(home, '.claude/data/knowledge_graph.duckdb'),
      join(home, '.claude/data/knowledge_graph_*.duckdb'),
    ]);
    expect(settings.apiToken).toBeUndefined();
    expect(settings.mirrorSystems).toEqual([]);
  });

  it('follow XDG_DATA_HOME, and ignore a relative one as its specification says', () => {
    expect(loadSettings(options({ XDG_DATA_HOME: '/data' })).dataDir).toBe('/data/akosha');
    expect(loadSettings(options({ XDG_DATA_HOME: 'data' })).dataDir).toBe(join(home, '.local/share/akosha'));
  });

  it('derive the object stores: the folder in data_dir, and one for both', () => {
    const inFolder = loadSettings(options({ AKOSHA_DATA_DIR: '/a b/c' }));
    expect(inFolder.objectStore).toBe('file:///a%20b/c/objects');
    expect(inFolder.archiveStore).toBe(inFolder.objectStore);
    const given = loadSettings(options({ AKOSHA_OBJECT_STORE: 's3://bucket/x' }));
    expect(given.archiveStore).toBe('s3://bucket/x');
    const apart = loadSettings(
      options({ AKOSHA_OBJECT_STORE: 's3://bucket/x', AKOSHA_ARCHIVE_STORE: 's3://archive' }),
    );
    expect([apart.objectStore, apart.archiveStore]).toEqual(['s3://bucket/x', 's3://archive']);
  });
});

describe('precedence', () => {
  it('is flag, environment, file, default, and says so', () => {
    write(join(cwd, 'akosha.yaml'), 'port: 1\nhot_days: 2\nwarm_days: 30\n');
    const loaded = readSettings(
      options({ AKOSHA_PORT: '4', AKOSHA_HOT_DAYS: '5' }, { overrides: { port: 6, host: undefined } }),
    );
    expect(loaded.settings).toMatchObject({ port: 6, hotDays: 5, warmDays: 30, moveBatchRows: 1000 });
    expect(loaded.file).toBe(join(cwd, 'akosha.yaml'));
    const sources = (['port', 'hotDays', 'warmDays', 'moveBatchRows', 'host'] as const).map((key) =>
      loaded.sources.get(key),
    );
    expect(sources).toEqual(['flag', 'environment', 'file', 'default', 'default']);
  });

  it('takes an empty variable for an absent one', () => {
    write(join(cwd, 'akosha.yaml'), 'port: 1\n');
    expect(loadSettings(options({ AKOSHA_PORT: '', AKOSHA_API_TOKEN: ' ' }))).toMatchObject({ port: 1 });
  });
});

describe('the settings file', () => {
  it('is the one named by a flag, by AKOSHA_CONFIG, beside the work, or the user’s', () => {
    write(join(home, '.config/akosha/config.yaml'), 'port: 1');
    expect(loadSettings(options()).port).toBe(1);
    write(join(home, 'xdg/akosha/config.yaml'), 'port: 2');
    expect(loadSettings(options({ XDG_CONFIG_HOME: join(home, 'xdg') })).port).toBe(2);
    write(join(cwd, 'akosha.yaml'), 'port: 3');
    expect(loadSettings(options()).port).toBe(3);
    write(join(home, 'named.yaml'), 'port: 4');
    expect(loadSettings(options({ AKOSHA_CONFIG: '~/named.yaml' })).port).toBe(4);
    write(join(cwd, 'flag.yaml'), 'port: 5');
    expect(loadSettings(options({ AKOSHA_CONFIG: '~/named.yaml' }, { configPath: 'flag.yaml' })).port).toBe(
      5,
    );
  });

  it('resolves its relative paths from its own folder, the environment’s from the working directory', () => {
    const file = write(
      join(home, 'settings/akosha.yaml'),
      'data_dir: data\ndatabases: [a.duckdb, ~/b.duckdb]\n',
    );
    const settings = loadSettings(options({ AKOSHA_MODEL_DIR: 'model' }, { configPath: file }));
    expect(settings.dataDir).toBe(join(home, 'settings/data'));
    expect(settings.databases).toEqual([join(home, 'settings/a.duckdb'), join(home, 'b.duckdb')]);
    expect(settings.modelDir).toBe(join(cwd, 'model'));
  });

  it('may hold nothing but comments, and nulls for what is not set', () => {
    write(join(cwd, 'akosha.yaml'), '# nothing yet\n');
    expect(loadSettings(options()).port).toBe(8682);
    write(join(cwd, 'akosha.yaml'), 'port:\n');
    expect(loadSettings(options()).port).toBe(8682);
  });

  it.each([
    [
      'an unknown name, with the one that was meant',
      'hot_dayz: 3\n',
      'hot_dayz: is not a setting; did you mean hot_days?',
    ],
    ['the flag’s spelling', 'hot-days: 3\n', 'hot-days: is not a setting; did you mean hot_days?'],
    ['a name like none', 'colour: blue\n', 'colour: is not a setting ['],
    ['no mapping', '- port\n', 'must hold a mapping'],
    ['broken YAML', 'port: [1\n', 'cannot be read'],
    ['a name given twice', 'port: 1\nport: 2\n', 'cannot be read'],
    [
      'a value of the wrong type',
      'embeddings: true\n',
      'embeddings (AKOSHA_EMBEDDINGS): must be on or off, not true',
    ],
  ])('is refused for %s', (_, text, message) => {
    const file = write(join(cwd, 'akosha.yaml'), text);
    expect(messageOfRefusal(options())).toContain(message);
    expect(messageOfRefusal(options())).toContain(file);
  });

  it('must exist when it is named', () => {
    expect(messageOfRefusal(options({ AKOSHA_CONFIG: '/no/such.yaml' }))).toContain('/no/such.yaml');
  });
});

describe('faults', () => {
  it('are reported all together, each with its name, variable, origin and rule', () => {
    const file = write(join(cwd, 'akosha.yaml'), 'log_level: loud\nprot: 1\n');
    const given = options(
      {
        AKOSHA_PORT: '70000',
        AKOSHA_API_TOKEN: 'too-short',
        AKOSHA_HOT_DAYS: '100',
        AKOSHA_TIME_ZONE: 'Mars/Base',
      },
      { overrides: { ingestConcurrency: 'many' } },
    );
    expect(faultsOf(given)).toEqual([
      { name: 'prot', from: file, rule: 'is not a setting; did you mean port?' },
      {
        name: 'port',
        env: 'AKOSHA_PORT',
        from: 'the environment',
        rule: 'must be a whole number from 0 to 65535, not "70000"',
      },
      {
        name: 'api_token',
        env: 'AKOSHA_API_TOKEN',
        from: 'the environment',
        rule: 'must be a text of at least 16 characters',
      },
      expect.objectContaining({ name: 'time_zone', env: 'AKOSHA_TIME_ZONE' }),
      expect.objectContaining({ name: 'log_level', from: file }),
      expect.objectContaining({ name: 'ingest_concurrency', from: 'the flag --ingest-concurrency' }),
      {
        name: 'warm_days',
        env: 'AKOSHA_WARM_DAYS',
        from: 'the default',
        rule: 'must exceed hot_days (AKOSHA_HOT_DAYS)',
      },
    ]);
    expect(messageOfRefusal(given)).toMatch(/^7 settings are invalid:\n {2}prot/);
    expect(messageOfRefusal(given)).not.toContain('too-short');
  });

  it.each([
    [{ AKOSHA_HOT_DAYS: '90' }, 'warm_days'],
    [{ AKOSHA_COLD_RETENTION_DAYS: '90' }, 'cold_retention_days'],
    [{ AKOSHA_SHUTDOWN_GRACE_SECONDS: '25' }, 'shutdown_force_seconds'],
    [{ AKOSHA_SEARCH_TIMEOUT_SECONDS: '31' }, 'search_timeout_seconds'],
    [{ AKOSHA_OPERATION_LEASE_SECONDS: '600' }, 'operation_lease_seconds'],
  ])('%o breaks the rule between two settings told under %s', (env, name) => {
    expect(faultsOf(options(env))).toEqual([expect.objectContaining({ name })]);
  });

  it.each([
    { AKOSHA_PORT: '-1' },
    { AKOSHA_PORT: '1e3' },
    { AKOSHA_PORT: '80.5' },
    { AKOSHA_HOT_DAYS: '0' },
    { AKOSHA_HOST: 'a b' },
    { AKOSHA_SYSTEM_ID: 'half a pair \ud800' },
    { AKOSHA_SYSTEM_ID: 'x'.repeat(1001) },
    { AKOSHA_DATABASES: ' , ' },
    { AKOSHA_OBJECT_STORE: '/folder' },
    { AKOSHA_OBJECT_STORE: 'ftp://host/' },
    { AKOSHA_CLOCK: '2026-11-22T12:00:00' },
    { AKOSHA_CLOCK: 'yesterday' },
    { AKOSHA_LOG_FORMAT: 'xml' },
    { AKOSHA_TEMPORAL_METRICS_ADDRESS: '9464' },
  ])('refuses %o', (env) => {
    const [variable] = Object.keys(env);
    expect(faultsOf(options(env))).toEqual([
      expect.objectContaining({ env: variable, from: 'the environment' }),
    ]);
  });

  it('never repeat a password in the URL of an object store', () => {
    const message = messageOfRefusal(options({ AKOSHA_OBJECT_STORE: 's3://me:hunter2hunter2@bucket' }));
    expect(message).toContain('object_store (AKOSHA_OBJECT_STORE)');
    expect(message).not.toContain('hunter2');
  });
});

describe('the environment', () => {
  it('reads every setting from its variable', () => {
    const values: Record<string, string> = {
      AKOSHA_HOST: '::1',
      AKOSHA_PORT: ' 0 ',
      AKOSHA_CLOCK: '2026-11-22T13:00:00+01:00',
      AKOSHA_DATABASES: '~/a.duckdb, b.duckdb',
      AKOSHA_API_TOKEN: '0123456789abcdef',
      AKOSHA_MIRROR_SYSTEMS: 'laptop.local, ci-7,',
    };
    expect(loadSettings(options(values))).toMatchObject({
      mirrorSystems: ['laptop.local', 'ci-7'],
      host: '::1',
      port: 0,
      clock: '2026-11-22T13:00:00+01:00',
      databases: [join(home, 'a.duckdb'), join(cwd, 'b.duckdb')],
      apiToken: '0123456789abcdef',
    });
  });

  it('takes time zones of systems as entries, and a file as a mapping', () => {
    const zones = ['laptop.local=Europe/Berlin', 'ci=7=UTC'];
    const path = write(
      join(cwd, 'akosha.yaml'),
      'system_time_zones:\n  laptop.local: Europe/Berlin\n  ci=7: UTC\n',
    );
    expect(loadSettings(options()).systemTimeZones).toEqual(zones);
    const env = { AKOSHA_CONFIG: path, AKOSHA_SYSTEM_TIME_ZONES: zones.join(', ') };
    expect(loadSettings(options(env)).systemTimeZones).toEqual(zones);
    expect([...zonesBySystem(zones)]).toEqual([
      ['x--laptop_2Elocal', 'Europe/Berlin'],
      ['x--ci_3D7', 'UTC'],
    ]);
  });

  it.each([
    [
      'a=UTC, laptop=Europe/Atlantis',
      /must name an IANA time zone .* which "laptop=Europe\/Atlantis" does not/,
    ],
    ['a=UTC, Europe/Berlin', /must be entries such as laptop=Europe\/Berlin, not "Europe\/Berlin"/],
    ['=UTC', /must be entries such as .*, not "=UTC"/],
    [
      'laptop.local=UTC, x--laptop_2Elocal=UTC',
      /must not name a system twice, as "x--laptop_2Elocal=UTC" does/,
    ],
  ])('names the entry of %s that is wrong', (text, message) => {
    expect(messageOfRefusal(options({ AKOSHA_SYSTEM_TIME_ZONES: text }))).toMatch(message);
  });

  it('gives a warning for a variable that means nothing, and none for those that are no settings', () => {
    const { warnings } = readSettings(
      options({
        AKOSHA_PROT: '1',
        AKOSHA__STORAGE__HOT: 'x',
        AKOSHA_FAIL_POINT: 'x',
        AKOSHA_PORT: '1',
        OTHER: '1',
      }),
    );
    expect(warnings).toEqual([
      'the environment variable AKOSHA_PROT is not a setting and is ignored; did you mean AKOSHA_PORT?',
      'the environment variable AKOSHA__STORAGE__HOT is not a setting and is ignored',
    ]);
  });
});

it('every setting has a rule, a description and a variable of its own', () => {
  for (const key of SETTING_KEYS) {
    const { rule, description } = detailsOf(key);
    expect(rule).not.toBe('');
    expect(description).toMatch(/\.$/);
  }
  expect(new Set(SETTING_KEYS.map(environmentName)).size).toBe(SETTING_KEYS.length);
});

it('the settings cannot be changed once read', () => {
  expect(Object.isFrozen(loadSettings(options()))).toBe(true);
});
