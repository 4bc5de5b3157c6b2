import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { CatalogDatabase } from '../../src/store/embedded/catalog/database.js';
import { prepareRanking, rankTexts, type RankedText } from '../../src/store/embedded/catalog/word-ranking.js';

const COMMON = ['git', 'commit', 'the', 'deploy'];
const QUERIES = [['git'], ['git', 'commit'], ['the', 'rare7', 'deploy'], ['rare3', 'none'], ['none']];

async function openCatalog(): Promise<CatalogDatabase> {
  const folder = await mkdtemp(path.join(tmpdir(), 'akosha-ranking-'));
  const db = new CatalogDatabase(path.join(folder, 'catalog.db'), 'write');
  db.execute('PRAGMA foreign_keys = OFF');
  onTestFinished(async () => {
    db.close();
    await rm(folder, { recursive: true });
  });
  return db;
}

/** Of 1 to 300 words: a length of two bytes in the index among them. */
function textOf(seed: number): string {
  const words = Array.from({ length: 1 + ((seed * 7919) % 300) }, (_, i) => {
    const at = (seed * 31 + i * i * 17) % 23;
    return COMMON[at] ?? `rare${(seed + at) % 40}`;
  });
  return words.join(' ');
}

/** What the index holds. */
const texts = new Map<number, string>();

function put(db: CatalogDatabase, pid: number, seed: number): void {
  drop(db, pid);
  const text = textOf(seed);
  db.run('INSERT INTO memory_text (rowid, content) VALUES ($pid, $text)', { pid, text });
  texts.set(pid, text);
  note(db, pid, 'placed');
}

function drop(db: CatalogDatabase, pid: number): void {
  if (!texts.delete(pid)) return;
  db.run('DELETE FROM memory_text WHERE rowid = $pid', { pid });
  note(db, pid, 'removed');
}

function note(db: CatalogDatabase, pid: number, what: string): void {
  db.run(`INSERT INTO changes (pid, row_id, what, at) VALUES ($pid, $pid, $what, 0)`, { pid, what });
}

function ours(db: CatalogDatabase, terms: readonly string[], first = 5): RankedText[] {
  prepareRanking(db);
  return db.snapshot(() => [...rankTexts(db, terms).lots(first)]).flat();
}

/** As an index that was made of these texts alone: one without texts goes on counting those that were deleted. */
function expectAsFts5(db: CatalogDatabase): void {
  db.execute('DROP TABLE IF EXISTS temp.fresh; CREATE VIRTUAL TABLE temp.fresh USING fts5 (content)');
  for (const [pid, text] of texts)
    db.run('INSERT INTO temp.fresh (rowid, content) VALUES ($pid, $text)', { pid, text });
  for (const terms of QUERIES) {
    const theirs = db.all<RankedText>(
      'SELECT rowid AS pid, -rank AS score FROM temp.fresh WHERE fresh MATCH $match',
      { match: terms.join(' OR ') },
    );
    const found = ours(db, terms);
    expect(new Set(found.map(({ pid }) => pid))).toEqual(new Set(theirs.map(({ pid }) => pid)));
    expect(found).toHaveLength(theirs.length);
    const scores = new Map(theirs.map(({ pid, score }) => [pid, score]));
    for (const { pid, score } of found)
      expect(score, `${pid}: ${terms.join()}`).toBeCloseTo(scores.get(pid) ?? 0, 9);
    expect(found.map(({ score }) => score)).toEqual(found.map(({ score }) => score).sort((a, b) => b - a));
  }
}

it('plain words rank as FTS5 ranks them, while texts come, change and go, and once the list of changes was trimmed', async () => {
  const db = await openCatalog();
  expect(ours(db, ['git'])).toEqual([]);
  for (let pid = 1; pid <= 200; pid++) put(db, pid, pid);
  expectAsFts5(db);
  expect(ours(db, ['git']).length).toBeGreaterThan(50);
  for (let pid = 150; pid <= 260; pid++) put(db, pid, pid + 1000);
  for (let pid = 1; pid <= 60; pid += 3) drop(db, pid);
  expectAsFts5(db);
  for (let pid = 100; pid <= 120; pid++) put(db, pid, pid + 5000);
  db.run('DELETE FROM changes');
  put(db, 30_000, 3);
  expectAsFts5(db);
});

it('what is no plain word is ranked by FTS5', async () => {
  const db = await openCatalog();
  for (const [pid, text] of [
    [1, 'naïve plan'],
    [2, 'a plan, naïve and naive'],
    [3, 'no such'],
  ] as const)
    db.run('INSERT INTO memory_text (rowid, content) VALUES ($pid, $text)', { pid, text });
  expect(
    ours(db, ['naïve', 'plan'])
      .map(({ pid }) => pid)
      .sort(),
  ).toEqual([1, 2]);
});
