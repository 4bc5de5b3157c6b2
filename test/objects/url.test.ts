import { describe, expect, it } from 'vitest';
import { AkoshaError } from '../../src/contract/index.js';
import { parseObjectStoreUrl } from '../../src/objects/index.js';

describe('the URL of an object store', () => {
  it('names a folder', () => {
    expect(parseObjectStoreUrl('file:///srv/akosha%20data/')).toEqual({
      kind: 'file',
      url: 'file:///srv/akosha%20data',
      root: '/srv/akosha data',
    });
  });

  it('names a bucket at Amazon', () => {
    expect(parseObjectStoreUrl('s3://memories')).toEqual({
      kind: 's3',
      url: 's3://memories',
      bucket: 'memories',
      prefix: '',
      endpoint: undefined,
      region: undefined,
      pathStyle: false,
      checksums: 'required',
      partSizeMb: undefined,
    });
  });

  it('names a bucket elsewhere', () => {
    const url =
      's3://memories/fleet/a%20b/?endpoint=http://127.0.0.1:8333/&region=eu-1&checksums=supported&part_size_mb=64';
    expect(parseObjectStoreUrl(url)).toMatchObject({
      prefix: 'fleet/a b/',
      endpoint: 'http://127.0.0.1:8333',
      region: 'eu-1',
      pathStyle: true,
      checksums: 'supported',
      partSizeMb: 64,
    });
  });

  it('takes path_style over what the endpoint suggests', () => {
    const url = 's3://memories?endpoint=https://s3.example.org&path_style=false';
    expect(parseObjectStoreUrl(url)).toMatchObject({ pathStyle: false, region: 'us-east-1' });
  });

  it.each([
    ['', 'is not a URL'],
    ['/srv/akosha', 'is not a URL'],
    ['http://bucket', 'scheme "http:"'],
    ['file://srv/akosha', 'three slashes'],
    ['file:///', 'root of the file system'],
    ['file:///srv?region=x', 'no parameters'],
    ['file:///srv#x', 'fragment'],
    ['file:///srv%2Fx', 'names no folder'],
    ['file:///srv%00x', 'NUL'],
    ['s3:///prefix', 'bucket ""'],
    ['s3://My_Bucket', 'bucket "My_Bucket"'],
    ['s3://bucket:9000/', 'endpoint='],
    ['s3://bucket/a//b', 'empty segment'],
    ['s3://bucket/%zz', 'prefix'],
    ['s3://bucket?endpont=http://x', 'unknown parameter "endpont"'],
    ['s3://bucket?region=a&region=b', 'region twice'],
    ['s3://bucket?region=EU%20West', 'region'],
    ['s3://bucket?endpoint=127.0.0.1:8333', 'endpoint'],
    ['s3://bucket?endpoint=ftp://x', 'endpoint'],
    ['s3://bucket?endpoint=http://x?y=z%23', 'endpoint'],
    ['s3://bucket?path_style=yes', 'path_style'],
    ['s3://bucket?checksums=none', 'checksums'],
    ['s3://bucket?part_size_mb=4', 'part_size_mb'],
    ['s3://bucket?part_size_mb=513', 'part_size_mb'],
    ['s3://bucket?part_size_mb=8.5', 'part_size_mb'],
  ])('refuses %s, saying why', (url, reason) => {
    const message = refusal(url);
    expect(message).toContain(reason);
    expect(message).toContain('AKOSHA_OBJECT_STORE');
  });

  it.each([
    's3://AKIAKEY:hunter2@bucket/prefix',
    's3://bucket?endpoint=http://AKIAKEY:hunter2@localhost:8333',
    's3://bucket?secret_key=hunter2',
    's3://AKIAKEY:hunter2/with/slashes@bucket',
    's3://bucket?region=hunter2!',
    'AKIAKEY:hunter2@bucket',
  ])('refuses credentials and does not repeat them: %s', (url) => {
    const message = refusal(url);
    expect(message).not.toContain('hunter2');
    expect(message).not.toContain('AKIAKEY');
  });
});

function refusal(url: string): string {
  try {
    parseObjectStoreUrl(url);
  } catch (error) {
    if (error instanceof AkoshaError && error.type === 'SettingsInvalid') return error.message;
    throw error;
  }
  throw new Error(`${url} was accepted`);
}
