import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  clockFrom,
  describeSettings,
  loadSettings,
  readSettings,
  renderSettingsDoc,
  requireServable,
  temporalConnection,
} from '../../src/config/index.js';

const TOKEN = '0123456789abcdef';
let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'akosha-config-'));
});
afterEach(() => rmSync(home, { recursive: true }));

function env(more: Record<string, string> = {}): Record<string, string> {
  return { HOME: home, ...more };
}

describe('describeSettings', () => {
  it('tells value, source and variable, and masks the secret', () => {
    const described = describeSettings(readSettings({ env: env({ AKOSHA_API_TOKEN: TOKEN }), cwd: home }));
    expect(described).toContainEqual({
      name: 'api_token',
      env: 'AKOSHA_API_TOKEN',
      value: '********',
      source: 'environment',
      description: expect.any(String),
    });
    expect(described.find(({ name }) => name === 'port')).toMatchObject({ value: 8682, source: 'default' });
    expect(JSON.stringify(described)).not.toContain(TOKEN);
  });

  it('shows an absent secret as absent, and a derived store as it is in effect', () => {
    const described = describeSettings(readSettings({ env: env({ AKOSHA_DATA_DIR: '/d' }), cwd: home }));
    expect(described.find(({ name }) => name === 'api_token')?.value).toBeNull();
    expect(described.find(({ name }) => name === 'archive_store')?.value).toBe('file:///d/objects');
  });
});

describe('clockFrom', () => {
  it('stands still at an instant', () => {
    expect(clockFrom({ clock: '2026-11-22T13:00:00+01:00' })()).toBe(Date.UTC(2026, 10, 22, 12));
  });

  it('goes with the system otherwise', () => {
    const before = Date.now();
    expect(clockFrom({ clock: 'system' })()).toBeGreaterThanOrEqual(before);
  });
});

describe('requireServable', () => {
  it.each(['127.0.0.1', '127.8.8.8', '::1', 'localhost'])('lets %s serve without a token', (host) => {
    expect(() => requireServable({ host })).not.toThrow();
  });

  it.each(['0.0.0.0', '::', '192.168.0.1', 'localhost.example', '::ffff:10.0.0.1'])(
    'wants a token on %s',
    (host) => {
      expect(() => requireServable({ host })).toThrow(/AKOSHA_API_TOKEN/);
      expect(() => requireServable({ host, apiToken: TOKEN })).not.toThrow();
    },
  );
});

describe('temporalConnection', () => {
  it('with nothing set is the server that akosha up starts, and not configured', () => {
    const connection = temporalConnection(loadSettings({ env: env(), cwd: home }), env());
    expect(connection).toMatchObject({
      connectionOptions: { address: '127.0.0.1:7233' },
      namespace: 'default',
      configured: false,
    });
  });

  it('takes Temporal’s own variables', () => {
    const given = env({
      TEMPORAL_ADDRESS: 'temporal:7233',
      TEMPORAL_NAMESPACE: 'memory',
      TEMPORAL_API_KEY: 'key',
    });
    expect(temporalConnection({ temporalPort: 1 }, given)).toMatchObject({
      connectionOptions: { address: 'temporal:7233', apiKey: 'key', tls: true },
      namespace: 'memory',
      configured: true,
    });
  });

  it('takes an empty address for none', () => {
    expect(temporalConnection({ temporalPort: 1 }, env({ TEMPORAL_ADDRESS: '' })).configured).toBe(false);
  });

  it('takes a profile of Temporal’s configuration file', () => {
    const file = join(home, 'temporal.toml');
    writeFileSync(file, '[profile.prod]\naddress = "prod:7233"\nnamespace = "p"\n');
    const given = env({ TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: 'prod' });
    expect(temporalConnection({ temporalPort: 1 }, given)).toMatchObject({
      connectionOptions: { address: 'prod:7233' },
      namespace: 'p',
      configured: true,
    });
  });

  it('says which variables to look at where the profile does not exist', () => {
    expect(() => temporalConnection({ temporalPort: 1 }, env({ TEMPORAL_PROFILE: 'prod' }))).toThrow(
      /TEMPORAL_PROFILE.*prod/,
    );
  });
});

it('docs/reference/settings.md is what the definitions say; scripts/settings-doc.mjs writes it anew', () => {
  const path = fileURLToPath(new URL('../../docs/reference/settings.md', import.meta.url));
  expect(readFileSync(path, 'utf8')).toBe(renderSettingsDoc());
});
