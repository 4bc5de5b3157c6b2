import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeSettings } from '../../src/config/index.js';
import { cwd, faultsOf, load, write, useEmptyHost } from './support.js';

useEmptyHost();

describe('the object store’s URL', () => {
  it('is made of the bucket, and comes from where the bucket does', () => {
    const path = write(join(cwd, 'settings/session-buddy.yaml'), 'akosha_cloud_bucket: memories\n');
    const described = describeSettings(load());
    const store = { value: 's3://memories/', source: 'session-buddy', file: path };
    expect(described.find(({ name }) => name === 'object_store')).toMatchObject(store);
    expect(described.find(({ name }) => name === 'archive_store')).toMatchObject({ value: 's3://memories/' });
  });

  it('given by itself wins over a bucket from a stronger source', () => {
    write(join(cwd, 'akosha.yaml'), 'object_store: s3://archive\n');
    expect(load({ AKOSHA_CLOUD_BUCKET: 'memories' }).settings.objectStore).toBe('s3://archive');
  });
});

describe('http://', () => {
  const S3 = 's3://memories?endpoint=';

  it.each([
    ['AKOSHA_CLOUD_ENDPOINT', 'http://'],
    ['AKOSHA_SERVER_URL', 'http://'],
    ['AKOSHA_OBJECT_STORE', `${S3}http://`],
    ['AKOSHA_ARCHIVE_STORE', `${S3}http://`],
  ])('in %s is for loopback and private addresses, and elsewhere takes a switch', (variable, scheme) => {
    for (const host of [
      'localhost',
      '127.0.0.1:9000',
      '[::1]:9000',
      '10.1.2.3',
      '172.31.0.1',
      '192.168.1.5:8333',
      '169.254.1.1',
      '[fd00::1]',
      '[fe80::1]',
    ]) {
      expect(() => load({ [variable]: scheme + host })).not.toThrow();
    }
    const name = variable.slice('AKOSHA_'.length).toLowerCase();
    for (const host of [
      's3.example.org',
      's3',
      '8.8.8.8',
      '172.32.0.1',
      '100.64.0.1',
      '[2001:db8::1]',
      'localhost.example',
    ]) {
      const env = { [variable]: scheme + host };
      expect(faultsOf(env)).toEqual({
        [name]: { rule: expect.stringContaining('AKOSHA_ALLOW_INSECURE_HTTP'), from: 'the environment' },
      });
      expect(() => load({ ...env, AKOSHA_ALLOW_INSECURE_HTTP: 'true' })).not.toThrow();
      expect(() => load({ [variable]: scheme.replace('http:', 'https:') + host })).not.toThrow();
    }
  });
});

describe('server_url', () => {
  it.each([
    [
      'the bucket’s endpoint',
      { AKOSHA_CLOUD_BUCKET: 'memories', AKOSHA_CLOUD_ENDPOINT: 'https://s3.example.org' },
      'https://s3.example.org/mcp',
    ],
    [
      'it on another port',
      { AKOSHA_CLOUD_ENDPOINT: 'https://s3.example.org' },
      'https://s3.example.org:8682',
    ],
    [
      'a name below it',
      { AKOSHA_OBJECT_STORE: 's3://memories?endpoint=https://s3.example.org' },
      'https://memories.s3.example.org',
    ],
    ['Amazon’s', {}, 'https://s3.amazonaws.com'],
    ['a region of Amazon’s', {}, 'https://memories.s3.eu-west-1.amazonaws.com/mcp'],
    ['Cloudflare’s', {}, 'https://0a1b.r2.cloudflarestorage.com'],
    [
      'the same port of this machine',
      { AKOSHA_CLOUD_ENDPOINT: 'http://127.0.0.1:9000' },
      'http://localhost:9000',
    ],
    [
      'the same port of a private address',
      { AKOSHA_CLOUD_ENDPOINT: 'http://192.168.1.5' },
      'http://192.168.1.5:80',
    ],
  ])('is refused where it is %s', (_, env, url) => {
    expect(faultsOf({ ...env, AKOSHA_SERVER_URL: url })).toEqual({
      server_url: { rule: expect.stringContaining('object store’s host'), from: 'the environment' },
    });
  });

  it.each([
    [{ AKOSHA_CLOUD_ENDPOINT: 'http://127.0.0.1:9000' }, 'http://127.0.0.1:8682'],
    [{ AKOSHA_CLOUD_ENDPOINT: 'http://192.168.1.5:9000' }, 'http://192.168.1.5:8682'],
    [{ AKOSHA_CLOUD_ENDPOINT: 'https://s3.example.org' }, 'https://akosha.example.org'],
    [{}, 'https://akosha.us-east-1.elb.amazonaws.com'],
  ])('%o goes with %s', (env, url) => {
    expect(load({ ...env, AKOSHA_SERVER_URL: url }).settings.serverUrl).toBe(url);
  });

  it('is this machine’s where http is forced, and its token is api_token unless it has its own', () => {
    const token = 'the-token-of-this-machine';
    const forced = load({ AKOSHA_FORCE_METHOD: 'http', AKOSHA_PORT: '9999', AKOSHA_API_TOKEN: token });
    expect(forced.settings).toMatchObject({ serverUrl: 'http://127.0.0.1:9999', serverToken: token });
    expect(
      load({ AKOSHA_SERVER_TOKEN: 'the-token-of-another', AKOSHA_API_TOKEN: token }).settings.serverToken,
    ).toBe('the-token-of-another');
    expect(JSON.stringify(describeSettings(forced))).not.toContain(token);
    expect(load().settings.serverUrl).toBeUndefined();
  });
});
