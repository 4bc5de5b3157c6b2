import { describe, expect, it } from 'vitest';
import { OutageDetector, type OrchestratorState } from '../../src/bootstrap/detector.js';

const AWAY = 10_000;
const STEADY = 2_000;

function detector(outageOpen = false): OutageDetector {
  return new OutageDetector({ awayMs: AWAY, steadyMs: STEADY, outageOpen }, 0);
}

/** Asks at these times, and returns the state after each. */
function follow(
  subject: OutageDetector,
  asked: readonly (readonly [number, boolean])[],
): OrchestratorState[] {
  return asked.map(([at, answered]) => subject.observe(answered, at));
}

describe('the detector of outages', () => {
  it('takes ten seconds without an answer for an outage, and no less', () => {
    const subject = detector();
    expect(
      follow(subject, [
        [0, true],
        [1_000, true],
        [3_000, false],
        [10_999, false],
        [11_000, false],
      ]),
    ).toEqual(['connected', 'connected', 'silent', 'silent', 'bootstrap']);
  });

  it('counts from its start where Temporal was never there', () => {
    expect(
      follow(detector(), [
        [2_000, false],
        [9_999, false],
        [10_000, false],
      ]),
    ).toEqual(['silent', 'silent', 'bootstrap']);
  });

  it('lets a restart of Temporal’s own pass, and begins to count again after each answer', () => {
    const states = follow(detector(), [
      [0, true],
      [9_000, false],
      [9_500, true],
      [19_000, false],
      [19_400, true],
    ]);
    expect(states).toEqual(['connected', 'silent', 'connected', 'silent', 'connected']);
  });

  it('ends an outage after two seconds of answers', () => {
    const subject = detector();
    follow(subject, [[10_000, false]]);
    expect(
      follow(subject, [
        [20_000, true],
        [21_900, true],
        [22_000, true],
      ]),
    ).toEqual(['returning', 'returning', 'connected']);
  });

  it('sees one outage where Temporal flickers, however long', () => {
    const subject = detector();
    follow(subject, [[10_000, false]]);
    const states: OrchestratorState[] = [];
    for (let at = 11_000; at < 100_000; at += 1_000) states.push(subject.observe(at % 2_000 === 0, at));
    expect(new Set(states)).toEqual(new Set(['bootstrap', 'returning']));
    // The first answer after a miss begins the two seconds anew.
    expect(
      follow(subject, [
        [100_000, true],
        [101_999, true],
        [102_000, true],
      ]),
    ).toEqual(['returning', 'returning', 'connected']);
  });

  it('goes on with an outage that an earlier process saw begin', () => {
    expect(
      follow(detector(true), [
        [500, false],
        [1_000, true],
        [3_000, true],
      ]),
    ).toEqual(['bootstrap', 'returning', 'connected']);
  });

  it('tells how long its patience lasts, so that no question outlasts it', () => {
    const subject = detector();
    subject.observe(true, 1_000);
    subject.observe(false, 4_000);
    expect([subject.silentSince, subject.patience(4_000), subject.patience(30_000)]).toEqual([
      1_000, 7_000, 0,
    ]);
  });
});
