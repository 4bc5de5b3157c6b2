/**
 * How well search finds: hit@5 and MRR on the sample database, for paraphrases and for keywords, by vectors alone, by words
 * alone and by both, with everything in hot and warm (where ingest puts it) and after the move to all three tiers.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { search } from '../dist/search/index.js';
import { NOW, openBench, openModel, printTable } from './support.mjs';

const sample = (name) => fileURLToPath(new URL(`../samples/${name}`, import.meta.url));
const DATABASES = ['reflection', 'knowledge_graph'].map((name) => sample(`session-buddy/${name}.duckdb`));
const RANKS = 20;
const TIERS = ['hot', 'warm', 'cold'];

const queries = JSON.parse(await readFile(sample('queries.json'), 'utf8'));
const bench = await openBench();
const model = await openModel();
const MODEL = 'all-MiniLM-L6-v2';
const embedder = {
  embedQuery: async (text) => ({ model: MODEL, values: await model.embedQuery(text) }),
  embedTexts: (_model, texts, signal) => model.embed(texts, signal),
};
// The settings' initial values.
const recency = { weight: 0.02, halfLifeDays: 30 };
try {
  await bench.ingest('sample', DATABASES);
  const rows = [
    ['', 'paraphrases', '', 'keywords', ''],
    ['', 'hit@5', 'MRR', 'hit@5', 'MRR'],
  ];
  await measureAll('hot and warm', rows);
  await bench.age();
  await measureAll('all tiers', rows);
  console.log(`${queries.length} topics`);
  printTable(rows);
} finally {
  await model.close();
  await bench.close();
}

async function measureAll(where, rows) {
  const modes = {
    'vectors alone': byVector,
    'words alone': (text) => bySearch(text, undefined),
    fused: (text) => bySearch(text, embedder),
  };
  for (const [mode, find] of Object.entries(modes)) {
    const row = [`${where}, ${mode}`];
    for (const field of ['paraphrase', 'keywords']) {
      const ranks = [];
      for (const query of queries) ranks.push(rankOf(query.answer, await find(query[field])));
      const hits = ranks.filter((rank) => rank <= 5).length / ranks.length;
      const mrr = ranks.reduce((sum, rank) => sum + 1 / rank, 0) / ranks.length;
      row.push(hits.toFixed(3), mrr.toFixed(3));
    }
    rows.push(row);
  }
}

async function bySearch(text, embedder) {
  const answer = await search(
    { store: bench.store, embedder, timeoutMs: 30_000, recency, clock: () => NOW },
    { text, limit: RANKS },
  );
  if (answer.partial.length > 0) throw new Error(JSON.stringify(answer.partial));
  return answer.results;
}

/** The program has no search by vectors alone: this is its vector ranking, tiers merged by score. */
async function byVector(text) {
  const vector = await embedder.embedQuery(text);
  const found = await Promise.all(
    TIERS.flatMap((tier) => [
      bench.store.searchVectors(tier, vector, { tiers: TIERS }, RANKS),
      bench.store.searchMadeVectors(tier, vector, { tiers: TIERS }, RANKS),
    ]),
  );
  const keys = found.flat().sort((a, b) => b.score - a.score);
  const rows = await bench.store.fetch(keys, TIERS);
  const place = (row) => keys.findIndex((key) => key.memoryId === row.memoryId && key.kind === row.kind);
  return rows.sort((a, b) => place(a) - place(b)).slice(0, RANKS);
}

/** Of the first result that holds the answer; infinite beyond the first twenty. */
function rankOf(answer, results) {
  const at = results.findIndex(({ content }) => content.includes(answer));
  return at === -1 ? Infinity : at + 1;
}
