import { expect, it } from 'vitest';
import { failureOf, isDone } from '../../src/cli/ingest-again.js';
import { UPLOAD_STATES } from '../../src/contract/index.js';

const MARKED = { requested_at: '2026-11-22T12:00:00.000Z', times: 0, failure: null };

it('waiting ends in every state that stays, and in none while the upload is asked for', () => {
  const ends = UPLOAD_STATES.filter((state) => isDone({ state, again: null }));
  expect(ends).toEqual(['done', 'raw_gone', 'quarantined', 'dropped']);
  expect(UPLOAD_STATES.filter((state) => isDone({ state, again: MARKED }))).toEqual([]);
  expect(isDone({ state: 'done', again: { ...MARKED, requested_at: null } })).toBe(true);
});

it('an end that is none of an ingest is told with its reason', () => {
  expect(failureOf({ state: 'done', again: null, reason: null })).toBeNull();
  expect(failureOf({ state: 'raw_gone', again: null, reason: null })).toBeNull();
  expect(failureOf({ state: 'quarantined', again: null, reason: 'no gzip' })).toBe('no gzip');
  expect(failureOf({ state: 'dropped', again: null, reason: null })).toBe('its state is dropped');
  const again = { ...MARKED, requested_at: null, failure: 'cannot be read' };
  expect(failureOf({ state: 'done', again, reason: null })).toBe('cannot be read');
});
