import { describe, expect, it } from 'vitest';
import { derivedIndex } from './derived-index.js';
import { explore, type Model } from './explore.js';
import { forgetAndSearch } from './forget-and-search.js';
import { lostFile } from './lost-file.js';
import { quarantine } from './quarantine.js';

/**
 * Parts of the protocol beside the ones that docs/reference/protocol.md was checked for as a whole: each is searched to its last state with
 * all its guards, and with each of them taken out, which must be found.
 */
function isGuarded<S, G extends Record<string, boolean>>(
  make: (guards: G) => Model<S>,
  all: G,
  without: { [guard in keyof G]: RegExp },
): void {
  it('holds in every state', () => {
    const { states, violation } = explore(make(all));
    expect(violation).toBeNull();
    // A model that gets nowhere holds as well.
    expect(states).toBeGreaterThan(30);
  });

  it.each(Object.entries<RegExp>(without))('breaks without %s', (guard, says) => {
    const { violation } = explore(make({ ...all, [guard]: false }));
    expect(violation?.says).toMatch(says);
    expect(violation?.trace[0]).toBe('begins');
  });
}

describe('a lost file of hot, and its repair', () => {
  isGuarded(
    lostFile,
    { repairFindsItsRow: true, moveReadsItsSource: true, keepersStay: true },
    {
      repairFindsItsRow: /a row of another version/,
      moveReadsItsSource: /no durable copy/,
      keepersStay: /no durable copy/,
    },
  );
});

describe('words and vectors beside the catalog', () => {
  isGuarded(
    derivedIndex,
    { wordsInCommit: true, watermarkInFile: true, changesUntilSaved: true, answersByPlacement: true },
    {
      wordsInCommit: /the words are not those/,
      watermarkInFile: /the vector is not that/,
      changesUntilSaved: /the vector is not that/,
      answersByPlacement: /a memory that is gone/,
    },
  );
});

describe('a search under way across the receipt of a forget', () => {
  isGuarded(
    forgetAndSearch,
    { waitsForSearches: true, erasesCacheAgain: true },
    { waitsForSearches: /after the receipt/, erasesCacheAgain: /a cached copy stands/ },
  );
});

describe('quarantine, and what a person decides there', () => {
  isGuarded(
    quarantine,
    { isGap: true, receiptGoesFirst: true, receiptIsMadeUpFor: true },
    {
      isGap: /not the newest version/,
      receiptGoesFirst: /that was acknowledged is undone/,
      receiptIsMadeUpFor: /has not the receipt of its state/,
    },
  );
});
