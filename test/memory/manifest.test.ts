import { describe, expect, it } from 'vitest';
import { originalUploadOrder, parseManifest, serializeManifest } from '../../src/memory/index.js';

/** What Session-Buddy 0.36.0 wrote into a bucket, letter for letter. */
const ORIGINAL = `{
  "upload_id": "20261122_120850_macbook-pro-les",
  "system_id": "macbook-pro-les",
  "timestamp": "2026-11-22T12:08:51.258536+00:00",
  "files": [
    {
      "name": "reflection.duckdb",
      "path": "systems/macbook-pro-les/uploads/20261122_120850_macbook-pro-les/reflection.duckdb",
      "size_bytes": 0,
      "compression": "gzip",
      "checksum": ""
    },
    {
      "name": "knowledge_graph.duckdb",
      "path": "systems/macbook-pro-les/uploads/20261122_120850_macbook-pro-les/knowledge_graph.duckdb",
      "size_bytes": 0,
      "compression": "gzip",
      "checksum": ""
    }
  ],
  "metadata": {
    "uploader": "session-buddy",
    "version": "1.0.0"
  }
}`;
const ORIGINAL_REF = { systemId: 'macbook-pro-les', uploadId: '20261122_120850_macbook-pro-les' };

const SUM = 'a'.repeat(64);
const REF = { systemId: 'host-1', uploadId: '01JD000000000000000000000A' };

function ours() {
  return {
    format_version: 1 as const,
    upload_id: REF.uploadId,
    system_id: REF.systemId,
    timestamp: '2026-11-22T12:00:00.000Z',
    order: 7,
    previous_order: 6 as number | null,
    time_zone: 'Europe/Berlin',
    files: [
      {
        name: 'reflection.duckdb',
        path: 'systems/host-1/uploads/01JD000000000000000000000A/reflection.duckdb',
        size_bytes: 10,
        compression: 'gzip' as const,
        checksum: SUM,
        raw_size_bytes: 20,
        raw_checksum: SUM,
        rows: { conversation: 2 },
      },
    ],
    omitted: [{ name: 'knowledge_graph.duckdb', reason: 'does not exist' }],
    metadata: { uploader: 'akosha', version: '0.1.0' },
  };
}

const parse = (ref: typeof REF, json: unknown) => parseManifest(ref, Buffer.from(JSON.stringify(json)));

describe('the original manifest', () => {
  it('is read as it is, sizes and sums unknown', () => {
    const unknown = {
      ...{ storedBytes: null, storedSha256: null, rawBytes: null, rawSha256: null, rows: null },
      ...{ reader: null, flags: [], excluded: {}, rowsDigest: null },
    };
    expect(parseManifest(ORIGINAL_REF, Buffer.from(ORIGINAL))).toEqual({
      dialect: 'session-buddy',
      ...ORIGINAL_REF,
      systemName: 'macbook-pro-les',
      createdAt: Date.parse('2026-11-22T12:08:51.258Z'),
      order: Date.parse('2026-11-22T12:08:50Z'),
      previousOrder: undefined,
      timeZone: null,
      files: [
        { name: 'reflection.duckdb', ...unknown },
        { name: 'knowledge_graph.duckdb', ...unknown },
      ],
      partial: false,
      unchanged: [],
      omitted: [],
      uploader: 'session-buddy',
      traceparent: null,
    });
  });

  it('keeps sizes and sums where they are given', () => {
    const json: unknown = JSON.parse(
      ORIGINAL.replaceAll('"size_bytes": 0', '"size_bytes": 5').replaceAll('""', `"${SUM}"`),
    );
    expect(parse(ORIGINAL_REF, json).files[0]).toMatchObject({ storedBytes: 5, storedSha256: SUM });
  });

  it('must have a time in its id', () => {
    const ref = { systemId: 'macbook-pro-les', uploadId: 'latest' };
    const json: unknown = JSON.parse(ORIGINAL.replace(/"upload_id": "[^"]*"/, '"upload_id": "latest"'));
    expect(() => parse(ref, json)).toThrow(/upload latest .*upload_id: must begin with a time/);
  });
});

describe('the manifest that the original server wanted', () => {
  const REF = { systemId: 'host-1', uploadId: 'first' };
  const WANTED = { uploaded_at: '2026-11-22T12:00:00+02:00', conversation_count: 3 };

  it('names no files and means memories.json, and takes its time for its order', () => {
    expect(parse(REF, WANTED)).toEqual({
      dialect: 'original-akosha',
      ...REF,
      systemName: 'host-1',
      createdAt: Date.parse('2026-11-22T10:00:00Z'),
      order: Date.parse('2026-11-22T10:00:00Z'),
      previousOrder: undefined,
      timeZone: null,
      files: [
        {
          ...{
            name: 'memories.json',
            storedBytes: null,
            storedSha256: null,
            rawBytes: null,
            rawSha256: null,
          },
          ...{ rows: null, reader: null, flags: [], excluded: {}, rowsDigest: null },
        },
      ],
      partial: false,
      unchanged: [],
      omitted: [],
      uploader: 'unknown',
      traceparent: null,
    });
  });

  it('orders by the time in its id where there is one, as the other dialect does', () => {
    const ref = { ...REF, uploadId: '20261122_090000_host-1' };
    expect(parse(ref, WANTED).order).toBe(Date.parse('2026-11-22T09:00:00Z'));
    expect(parse(REF, { ...WANTED, uploaded_at: '1969-01-01T00:00:00Z' }).order).toBe(1);
  });

  it('takes a time without a zone for UTC, and lists files by name', () => {
    const manifest = parse(REF, {
      ...WANTED,
      uploaded_at: '2026-11-22T12:00:00.25',
      files: ['memories.json.gz'],
    });
    expect(manifest.createdAt).toBe(Date.parse('2026-11-22T12:00:00.250Z'));
    expect(manifest.files.map(({ name }) => name)).toEqual(['memories.json.gz']);
  });

  it.each([
    ['another upload’s id', { upload_id: 'other' }, /names upload other of system host-1/],
    ['a compression that nothing here reads', { compression_format: 'zstd' }, /compression_format: /],
    ['a file name that is a path', { files: ['../memories.json'] }, /files\.0: /],
    ['a file twice', { files: ['memories.json', 'memories.json'] }, /files: must not name a file twice/],
    ['a count below zero', { conversation_count: -1 }, /conversation_count: /],
  ])('is refused with %s', (_what, change, message) => {
    expect(() => parse(REF, { ...WANTED, ...change })).toThrow(message);
  });
});

describe('our manifest', () => {
  it('comes back as it was written', () => {
    const bytes = Buffer.from(serializeManifest(ours()));
    expect(parseManifest(REF, bytes)).toEqual({
      dialect: 'akosha',
      ...REF,
      systemName: 'host-1',
      createdAt: Date.parse('2026-11-22T12:00:00Z'),
      order: 7,
      previousOrder: 6,
      timeZone: 'Europe/Berlin',
      files: [
        {
          name: 'reflection.duckdb',
          storedBytes: 10,
          storedSha256: SUM,
          rawBytes: 20,
          rawSha256: SUM,
          rows: { conversation: 2 },
          // What a manifest of an earlier version does not say.
          ...{ reader: null, flags: [], excluded: {}, rowsDigest: null },
        },
      ],
      partial: false,
      unchanged: [],
      omitted: [{ name: 'knowledge_graph.duckdb', reason: 'does not exist', kinds: null }],
      uploader: 'akosha',
      traceparent: null,
    });
  });

  it('names the trace that it belongs to, where that is W3C’s, and is none the worse where it is not', () => {
    const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
    expect(parse(REF, { ...ours(), traceparent }).traceparent).toBe(traceparent);
    for (const other of [`00-${'0'.repeat(32)}-${'cd'.repeat(8)}-01`, `${traceparent}\n`, 7, null, {}])
      expect(parse(REF, { ...ours(), traceparent: other }).traceparent).toBeNull();
  });

  it('tells a first upload from a dialect that does not say', () => {
    expect(parse(REF, { ...ours(), previous_order: null }).previousOrder).toBeNull();
  });

  it('lets keys of a later version pass', () => {
    expect(parse(REF, { ...ours(), later: { x: 1 } }).order).toBe(7);
  });
});

describe('what a manifest says of how a file was read', () => {
  const file = ours().files[0];
  const written = {
    ...file,
    reader: 'duckdb-python 2.0.0',
    flags: ['log_not_replayed'],
    excluded: { entity: 3, relation: 1 },
    rows_digest: SUM,
  };

  it('is read as it was written, flags of a later version included', () => {
    const parsed = parse(REF, {
      ...ours(),
      files: [written, { ...written, name: 'later.duckdb', flags: ['of_later'] }],
    });
    expect(parsed.files).toMatchObject([
      {
        reader: 'duckdb-python 2.0.0',
        flags: ['log_not_replayed'],
        excluded: { entity: 3, relation: 1 },
        rowsDigest: SUM,
      },
      { flags: ['of_later'] },
    ]);
  });

  it.each([
    ['a digest that is none', { rows_digest: 'ab' }, /files\.0\.rows_digest: must be 64/],
    ['an unknown kind', { excluded: { thing: 1 } }, /files\.0\.excluded/],
    ['flags without end', { flags: Array.from({ length: 101 }, () => 'x') }, /files\.0\.flags/],
    ['a reader without end', { reader: 'x'.repeat(201) }, /files\.0\.reader/],
  ])('is refused with %s', (_what, change, message) => {
    expect(() => parse(REF, { ...ours(), files: [{ ...written, ...change }] })).toThrow(message);
  });
});

describe('the ids of an upload', () => {
  const place = (systemId: string) => ({ systemId, uploadId: `20261122_120850_${systemId}` });
  const original = (systemId: string) =>
    parse(place(systemId), {
      ...place(systemId),
      system_id: systemId,
      upload_id: place(systemId).uploadId,
      timestamp: '2026-11-22T12:08:51Z',
      files: [],
    });
  const akosha = (systemId: string) => parse({ ...REF, systemId }, { ...ours(), system_id: systemId });

  it('are made of the names that an original host writes', () => {
    expect(original('laptop.local')).toMatchObject({
      systemId: 'x--laptop_2Elocal',
      systemName: 'laptop.local',
      uploadId: '20261122_120850_laptop.local',
      order: Date.parse('2026-11-22T12:08:50Z'),
    });
    expect(original('Les’s Mac')).toMatchObject({
      systemId: 'x--Les_E2_80_99s_20Mac',
      systemName: 'Les’s Mac',
      uploadId: 'x--20261122_5F120850_5FLes_E2_80_99s_20Mac',
      order: Date.parse('2026-11-22T12:08:50Z'),
    });
  });

  it('are what an agent of ours writes, which is of the same system as an original host of its name', () => {
    expect(akosha('x--laptop_2Elocal')).toMatchObject({
      systemId: 'x--laptop_2Elocal',
      systemName: 'laptop.local',
    });
    expect(akosha('host-1')).toMatchObject({ systemId: 'host-1', systemName: 'host-1' });
  });

  it('are others for an original host whose name looks like an id of ours', () => {
    expect(original('x--laptop_2Elocal')).toMatchObject({
      systemId: 'x--x--laptop_5F2Elocal',
      systemName: 'x--laptop_2Elocal',
    });
  });
});

describe('a bad manifest is refused with the field and the rule', () => {
  const file = ours().files[0];
  it.each([
    ['another upload', { ...ours(), upload_id: 'other' }, /names upload other of system host-1/],
    ['another system', { ...ours(), system_id: 'other' }, /names upload .* of system other/],
    ['an array', [], /manifest: .*object/],
    ['null', null, /manifest: .*object/],
    ['a later format', { ...ours(), format_version: 2 }, /format_version/],
    ['no order', { ...ours(), order: undefined }, /order/],
    ['order 0', { ...ours(), order: 0 }, /order/],
    ['a broken order', { ...ours(), order: 1.5 }, /order/],
    ['an unsafe order', { ...ours(), order: 2 ** 53 }, /order/],
    ['a time that is none', { ...ours(), timestamp: 'yesterday' }, /timestamp/],
    ['a zone that is none', { ...ours(), time_zone: 'Mars/Olympus' }, /time_zone: must be an IANA time zone/],
    [
      'a short sum',
      { ...ours(), files: [{ ...file, checksum: 'ab' }] },
      /files\.0\.checksum: must be 64 lower-case hex digits/,
    ],
    ['a negative size', { ...ours(), files: [{ ...file, size_bytes: -1 }] }, /files\.0\.size_bytes/],
    [
      'a path for a name',
      { ...ours(), files: [{ ...file, name: '../x' }] },
      /files\.0\.name: may hold letters/,
    ],
    ['dots in a name', { ...ours(), files: [{ ...file, name: 'a..b' }] }, /files\.0\.name: must not hold/],
    ['an unknown kind', { ...ours(), files: [{ ...file, rows: { thing: 1 } }] }, /files\.0\.rows/],
    ['too many files', { ...ours(), files: Array.from({ length: 1001 }, () => file) }, /files/],
  ])('%s', (_what, json, message) => {
    expect(() => parse(REF, json)).toThrow(message);
    expect(() => parse(REF, json)).toThrow(expect.objectContaining({ type: 'UploadUnreadable' }));
    expect(() => parse(REF, json)).toThrow(/manifest of upload 01JD000000000000000000000A of system host-1/);
  });

  it('what is not JSON', () => {
    expect(() => parseManifest(REF, Buffer.from('{"upload_id"'))).toThrow(/is not JSON/);
    expect(() => parseManifest(REF, Buffer.from(''))).toThrow(/is not JSON/);
  });
});

describe('the order of original ids', () => {
  it.each([
    ['20261122_120850_macbook-pro-les', Date.parse('2026-11-22T12:08:50Z')],
    ['20240229_000000_x', Date.parse('2024-02-29T00:00:00Z')],
    ['20250229_000000_x', undefined],
    ['20261301_000000_x', undefined],
    ['20260101_246000_x', undefined],
    ['2026-11-22', undefined],
    ['20261122_120850', undefined],
    ['01JD000000000000000000000A', undefined],
  ])('%s', (uploadId, order) => {
    expect(originalUploadOrder(uploadId)).toBe(order);
  });
});
