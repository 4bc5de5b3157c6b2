import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeTemporal } from '../../src/config/index.js';

const KEY = 'a-key-that-must-not-be-shown';
let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'akosha-config-'));
});
afterEach(() => rmSync(home, { recursive: true }));

/** Value and source by name. */
function described(env: Record<string, string>): Record<string, [unknown, string]> {
  const rows = describeTemporal({ temporalPort: 7233 }, { HOME: home, ...env });
  expect(JSON.stringify(rows)).not.toContain(KEY);
  return Object.fromEntries(rows.map(({ name, value, source }) => [name, [value, source]]));
}

describe('describeTemporal', () => {
  it('with nothing set tells the server that akosha up starts', () => {
    expect(described({})).toEqual({
      temporal_address: ['127.0.0.1:7233', 'default'],
      temporal_namespace: ['default', 'default'],
      temporal_profile: ['default', 'default'],
      temporal_config_file: [null, 'default'],
      temporal_tls: ['off', 'default'],
      temporal_api_key: [null, 'default'],
    });
  });

  it('tells what came from the environment, and masks the key, which switches TLS on', () => {
    expect(
      described({ TEMPORAL_ADDRESS: 'cloud:7233', TEMPORAL_NAMESPACE: '', TEMPORAL_API_KEY: KEY }),
    ).toMatchObject({
      temporal_address: ['cloud:7233', 'environment'],
      temporal_namespace: ['default', 'default'],
      temporal_tls: ['on', 'environment'],
      temporal_api_key: ['********', 'environment'],
    });
  });

  it('tells what came from a profile, each value by itself, and from which file', () => {
    const file = join(home, 'temporal.toml');
    writeFileSync(
      file,
      `[profile.prod]\naddress = "prod:7233"\nnamespace = "memories"\napi_key = "${KEY}"\n[profile.prod.tls]\ndisabled = true\n`,
    );
    const env = {
      TEMPORAL_CONFIG_FILE: file,
      TEMPORAL_PROFILE: 'prod',
      TEMPORAL_NAMESPACE: 'staging',
    };
    expect(described(env)).toEqual({
      temporal_address: ['prod:7233', 'file'],
      temporal_namespace: ['staging', 'environment'],
      temporal_profile: ['prod', 'environment'],
      temporal_config_file: [file, 'environment'],
      temporal_tls: ['off', 'file'],
      temporal_api_key: ['********', 'file'],
    });
    const [address, namespace] = describeTemporal({ temporalPort: 1 }, { HOME: home, ...env });
    expect(address).toMatchObject({ env: 'TEMPORAL_ADDRESS', file });
    expect(namespace).not.toHaveProperty('file');
  });
});
