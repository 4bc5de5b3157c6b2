import { describe, expect, it } from 'vitest';
import { announcedUploads, parseEvents, parseEventText } from '../../../src/ingest/index.js';

const KEY = 'systems/my laptop/uploads/20261122_100001_0a1b/manifest.json';
const UPLOAD = { systemId: 'my laptop', uploadId: '20261122_100001_0a1b' };

function s3(key: string, eventName = 'ObjectCreated:Put', bucket = 'memories'): unknown {
  return {
    Records: [
      {
        eventVersion: '2.1',
        eventSource: 'aws:s3',
        eventName,
        s3: { s3SchemaVersion: '1.0', bucket: { name: bucket }, object: { key, size: 1024, sequencer: '0' } },
      },
    ],
  };
}

const BRIDGED = {
  version: '0',
  'detail-type': 'Object Created',
  source: 'aws.s3',
  detail: { version: '0', bucket: { name: 'memories' }, object: { key: KEY, size: 5 }, reason: 'PutObject' },
};

function sns(message: unknown): unknown {
  return {
    Type: 'Notification',
    MessageId: '1',
    TopicArn: 'arn:aws:sns:x:1:t',
    Message: JSON.stringify(message),
  };
}

function r2(action: string): unknown {
  return { account: 'a', action, bucket: 'memories', object: { key: KEY, size: 1, eTag: 'e' } };
}

function seaweed(event_type: string, key = `/buckets/memories/${KEY}`): unknown {
  return { key, event_type, message: { new_entry: { name: 'manifest.json' } } };
}

const encoded = encodeURIComponent(KEY).replaceAll('%20', '+').replaceAll('%2F', '/');

describe('a message in a known form', () => {
  it.each<[string, unknown]>([
    ['S3', s3(encoded)],
    ['S3, put in parts', s3(encoded, 'ObjectCreated:CompleteMultipartUpload')],
    [
      'MinIO',
      { EventName: 's3:ObjectCreated:Put', Key: 'x', ...Object(s3(encoded, 's3:ObjectCreated:Put')) },
    ],
    ['EventBridge', BRIDGED],
    ['SNS around S3', sns(s3(encoded))],
    ['SNS around EventBridge', sns(BRIDGED)],
    ['R2', r2('PutObject')],
    ['SeaweedFS', seaweed('create')],
    ['an array of them', [r2('CopyObject')]],
  ])('tells the bucket and the key: %s', (_name, message) => {
    expect(parseEvents(message)).toEqual([{ bucket: 'memories', key: KEY }]);
  });

  it.each<[string, unknown]>([
    ['S3’s test', { Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'memories' }],
    ['a removal in S3', s3(encoded, 'ObjectRemoved:Delete')],
    ['a removal told by EventBridge', { ...BRIDGED, 'detail-type': 'Object Deleted' }],
    ['a removal in R2', r2('DeleteObject')],
    ['a removal in SeaweedFS', seaweed('delete')],
    ['a file of SeaweedFS outside its buckets', seaweed('create', '/etc/passwd')],
    ['a key with a broken escape', s3('%E0%A4%A')],
    ['nothing', { Records: [] }],
  ])('tells of nothing written: %s', (_name, message) => {
    expect(parseEvents(message)).toEqual([]);
  });

  it('decodes a plus and an escaped plus', () => {
    expect(parseEvents(s3('a+b%2Bc'))).toEqual([{ bucket: 'memories', key: 'a b+c' }]);
  });
});

describe('a message in no known form', () => {
  it.each<[string, string]>([
    ['no JSON', 'hello'],
    ['a number', '1'],
    ['an unknown object', '{"a":1}'],
    ['records of something else', '{"Records":[{"eventSource":"aws:sns"}]}'],
    ['one bad among good', JSON.stringify([r2('PutObject'), { a: 1 }])],
    ['SNS around text', JSON.stringify(sns('hello'))],
    ['endless nesting', JSON.stringify(sns(sns(sns(sns(sns(s3(encoded)))))))],
    ['deep arrays', '[[[[[[]]]]]]'],
  ])('is unreadable: %s', (_name, text) => {
    expect(parseEventText(text)).toBeUndefined();
  });
});

describe('announced uploads', () => {
  const place = { bucket: 'memories', prefix: 'akosha/' };
  const of = (key: string, bucket = 'memories') => announcedUploads([{ bucket, key }], place);

  it('are those whose manifest was written, each once', () => {
    const event = { bucket: 'memories', key: `akosha/${KEY}` };
    expect(announcedUploads([event, { ...event, bucket: undefined }], place)).toEqual([UPLOAD]);
  });

  it.each([
    'akosha/systems/laptop/uploads/u/reflection.duckdb.gz',
    'akosha/systems/laptop/uploads/u/receipt.json',
    'akosha/systems/laptop/uploads/u/deeper/manifest.json',
    'akosha/systems/laptop/manifest.json',
    'akosha/systems/../uploads/u/manifest.json',
    'akosha/systems//uploads/u/manifest.json',
    'akosha/inbox/u@laptop',
    'systems/laptop/uploads/u/manifest.json',
    'other/systems/laptop/uploads/u/manifest.json',
  ])('%s is none', (key) => {
    expect(of(key)).toEqual([]);
  });

  it('are not those of another bucket', () => {
    expect(of(`akosha/${KEY}`, 'another')).toEqual([]);
    expect(of(`akosha/${KEY}`)).toEqual([UPLOAD]);
  });
});
