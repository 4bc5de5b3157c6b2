import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeSettings } from '../../src/config/index.js';
import { cwd, faultsOf, home, load, write, useEmptyHost } from './support.js';

useEmptyHost();

/** The thirteen, each with a value that is none of the defaults and what it is in the settings. */
const THIRTEEN = {
  cloud_bucket: ['memories', { cloudBucket: 'memories' }],
  cloud_endpoint: ['https://s3.example.org', { cloudEndpoint: 'https://s3.example.org' }],
  cloud_region: ['eu-west-1', { cloudRegion: 'eu-west-1' }],
  system_id: ['macbook-pro.local', { systemId: 'macbook-pro.local' }],
  upload_on_session_end: [false, { uploadOnSessionEnd: false }],
  enable_fallback: [false, { enableFallback: false }],
  force_method: ['http', { forceMethod: 'http' }],
  upload_timeout_seconds: [60, { uploadTimeoutSeconds: 60 }],
  max_retries: [5, { maxRetries: 5 }],
  retry_backoff_seconds: [0.5, { retryBackoffSeconds: 0.5 }],
  enable_compression: [false, { enableCompression: false }],
  enable_deduplication: [false, { enableDeduplication: false }],
  chunk_size_mb: [16, { chunkSizeMb: 16 }],
} as const;

const DEFAULTS = {
  cloudRegion: 'auto',
  uploadOnSessionEnd: true,
  enableFallback: true,
  forceMethod: 'auto',
  uploadTimeoutSeconds: 300,
  maxRetries: 3,
  retryBackoffSeconds: 2,
  enableCompression: true,
  enableDeduplication: true,
  chunkSizeMb: 5,
};

describe('Session-Buddy’s thirteen settings', () => {
  it('have its defaults', () => {
    const { settings } = load();
    expect(settings).toMatchObject(DEFAULTS);
    expect([settings.cloudBucket, settings.cloudEndpoint, settings.systemId]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it.each(Object.entries(THIRTEEN))(
    '%s is read from the environment, from our file and from theirs',
    (name, [value, expected]) => {
      const everywhere = { ...expected };
      expect(load({ [`AKOSHA_${name.toUpperCase()}`]: String(value) }).settings).toMatchObject(everywhere);
      const ours = join(cwd, 'akosha.yaml');
      for (const line of [`${name}: ${value}\n`, `akosha_${name}: ${value}\n`]) {
        write(ours, line);
        expect(load().settings).toMatchObject(everywhere);
      }
      rmSync(ours);
      write(join(cwd, 'settings/session-buddy.yaml'), `akosha_${name}: ${value}\n`);
      expect(load().settings).toMatchObject(everywhere);
    },
  );

  it.each([
    ['cloud_bucket', ['ab', 'x'.repeat(64), 'Upper', '-a-b', 'a_b', '192.168.0.1']],
    [
      'cloud_endpoint',
      [
        's3.example.org',
        'ftp://s3.example.org',
        'https://me:secret@s3.example.org',
        'https://s3.example.org?x=1',
      ],
    ],
    ['cloud_region', ['eu west', 'EU']],
    ['upload_on_session_end', ['maybe', '2']],
    ['force_method', ['ftp']],
    ['upload_timeout_seconds', ['29', '3601', '30.5']],
    ['max_retries', ['-1', '11']],
    ['retry_backoff_seconds', ['0.05', '61', 'soon']],
    ['chunk_size_mb', ['0', '101', '5.5']],
  ])('%s keeps to its bounds', (name, values) => {
    for (const value of values)
      expect(Object.keys(faultsOf({ [`AKOSHA_${name.toUpperCase()}`]: value }))).toEqual([name]);
  });

  it.each([
    ['upload_timeout_seconds', ['30', '3600']],
    ['max_retries', ['0', '10']],
    ['retry_backoff_seconds', ['0.1', '60']],
    ['chunk_size_mb', ['1', '100']],
    ['cloud_bucket', ['abc', `a${'-'.repeat(61)}b`, 'a.b']],
    ['enable_fallback', ['yes', 'NO', 'on', 'off', '0', '1', 'True']],
  ])('%s takes them themselves', (name, values) => {
    for (const value of values) expect(() => load({ [`AKOSHA_${name.toUpperCase()}`]: value })).not.toThrow();
  });

  it('are refused all in one message, each with the file it stands in', () => {
    const theirs = write(
      join(cwd, 'settings/session-buddy.yaml'),
      'akosha_max_retries: 11\nakosha_chunk_size_mb: 0\nother: [1]\n',
    );
    const ours = write(join(cwd, 'akosha.yaml'), 'akosha_cloud_bucket: AB\n');
    const faults = faultsOf({ AKOSHA_FORCE_METHOD: 'ftp' });
    expect(Object.fromEntries(Object.entries(faults).map(([name, { from }]) => [name, from]))).toEqual({
      cloud_bucket: ours,
      force_method: 'the environment',
      max_retries: theirs,
      chunk_size_mb: theirs,
    });
  });
});

describe('Session-Buddy’s files', () => {
  const files = () => [
    join(home, '.config/session-buddy/config.yaml'),
    join(home, '.config/session-buddy/local.yaml'),
    join(cwd, 'settings/session-buddy.yaml'),
    join(cwd, 'settings/local.yaml'),
  ];

  it('count in its own order, below ours and above the defaults, and each value’s file is shown', () => {
    for (const [index, path] of files().entries()) {
      write(path, `akosha_max_retries: ${index}\n`);
      const loaded = load();
      expect(loaded.settings.maxRetries).toBe(index);
      expect(describeSettings(loaded).find(({ name }) => name === 'max_retries')).toMatchObject({
        value: index,
        source: 'session-buddy',
        file: path,
      });
    }
    const ours = write(join(cwd, 'akosha.yaml'), 'max_retries: 9\n');
    expect(describeSettings(load()).find(({ name }) => name === 'max_retries')).toMatchObject({
      value: 9,
      source: 'file',
      file: ours,
    });
    expect(load({ AKOSHA_MAX_RETRIES: '10' }).settings.maxRetries).toBe(10);
  });

  it('follow XDG_CONFIG_HOME', () => {
    write(join(home, 'xdg/session-buddy/config.yaml'), 'akosha_cloud_bucket: memories\n');
    expect(load({ XDG_CONFIG_HOME: join(home, 'xdg') }).settings.cloudBucket).toBe('memories');
  });

  it('may take a value of a weaker one away by an empty text, and so may ours', () => {
    write(files()[0] ?? '', 'akosha_cloud_bucket: memories\nakosha_cloud_region: eu-west-1\n');
    write(files()[3] ?? '', `akosha_cloud_bucket: ''\nakosha_cloud_region:\n`);
    expect(load().settings).toMatchObject({ cloudRegion: 'eu-west-1', objectStoreGiven: false });
    expect(load().settings.cloudBucket).toBeUndefined();
    write(join(cwd, 'akosha.yaml'), `cloud_region: ''\n`);
    expect(load().settings.cloudRegion).toBe('auto');
  });

  it('say nothing of other settings of ours, whatever stands in them', () => {
    write(files()[2] ?? '', 'port: 1\nakosha_port: 2\ncloud_bucket: memories\nembedding: {model: x}\n');
    expect(load().settings).toMatchObject({ port: 8682, objectStoreGiven: false });
  });

  it('are named where they cannot be read', () => {
    const path = write(files()[2] ?? '', 'akosha_max_retries: [1\n');
    expect(faultsOf()).toEqual({
      'Session-Buddy’s settings file': { rule: expect.stringContaining('cannot be read'), from: path },
    });
  });

  it('leave no doubt which of two names in our file counts', () => {
    const path = write(join(cwd, 'akosha.yaml'), 'cloud_bucket: one-bucket\nakosha_cloud_bucket: another\n');
    expect(faultsOf()).toEqual({
      akosha_cloud_bucket: { rule: 'is cloud_bucket once more; give it once', from: path },
    });
  });
});
