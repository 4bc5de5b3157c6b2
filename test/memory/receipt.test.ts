import { describe, expect, it } from 'vitest';
import { NO_ROWS } from '../../src/contract/index.js';
import { broughtNothing, hasUnread, parseReceipt, type Receipt } from '../../src/memory/index.js';

const RECEIPT: Receipt = {
  format_version: 1,
  upload_id: '01JD000000000000000000000A',
  system_id: 'host-1',
  status: 'ingested',
  order: 7,
  reader: 'duckdb-node-api 1.5.6',
  files: [{ name: 'reflection.duckdb', checksum: 'a', raw_checksum: 'b' }],
  rows: { ...NO_ROWS, new: 3 },
  reason: null,
  ingested_at: '2026-11-22T12:00:00.000Z',
};

const parse = (json: unknown) => parseReceipt(Buffer.from(JSON.stringify(json)));

describe('a receipt', () => {
  it('is read as it was written, keys of a later version included', () => {
    expect(parse({ ...RECEIPT, later: 1 })).toEqual({ ...RECEIPT, later: 1 });
  });

  it('of an earlier version deleted nothing', () => {
    const { deleted: _, ...rows } = RECEIPT.rows;
    expect(parse({ ...RECEIPT, rows })).toEqual(RECEIPT);
  });

  it('says why an upload is in quarantine', () => {
    expect(parse({ ...RECEIPT, status: 'quarantined', reason: 'not a DuckDB file' }).reason).toBe(
      'not a DuckDB file',
    );
  });

  it.each([
    ['another format', { ...RECEIPT, format_version: 2 }],
    ['another status', { ...RECEIPT, status: 'lost' }],
    ['a negative count', { ...RECEIPT, rows: { ...NO_ROWS, new: -1 } }],
    ['a count left out', { ...RECEIPT, rows: { new: 1 } }],
    ['no reason at all', { ...RECEIPT, reason: undefined }],
  ])('is refused with %s', (_what, json) => {
    expect(() => parse(json)).toThrow();
  });

  it('brought nothing where no row is new, changed or deleted', () => {
    expect(broughtNothing({ ...NO_ROWS, unchanged: 5, absent: 2, refused: 1, superseded: 1 })).toBe(true);
    expect(broughtNothing({ ...NO_ROWS, new: 1 })).toBe(false);
    expect(broughtNothing({ ...NO_ROWS, changed: 1 })).toBe(false);
    expect(broughtNothing({ ...NO_ROWS, deleted: 1 })).toBe(false);
  });

  it('has unread what is flagged so, and nothing else', () => {
    const [file] = RECEIPT.files;
    const flagged = (...flags: string[]): Receipt => parse({ ...RECEIPT, files: [file, { ...file, flags }] });
    expect(hasUnread(RECEIPT)).toBe(false);
    expect(hasUnread(flagged('log_not_replayed'))).toBe(false);
    expect(hasUnread(flagged('unread', 'log'))).toBe(true);
  });
});
