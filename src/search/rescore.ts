import { keyText } from '../contract/index.js';
import { EMBEDDING_MODEL } from '../memory/index.js';
import type { ModelVector, StoredMemory } from '../store/index.js';
import type { TierCandidates } from './candidates.js';
import { ColdVectors } from './cold-vectors.js';
import type { Running } from './context.js';

/** So many of the nearest by their signs: which of those come first is what a page shows. */
const RESCORED = 20;

/** A model takes about 10 ms for a text. Where it is busy, as while it makes vectors of an upload, what the signs say has to do for the rest. */
const LONGEST_MS = 3_000;

/** Texts embedded at once: what is done when the time is over counts. */
const AT_ONCE = 5;

/** A share of the search's time behind that of fetching the rows. */
const SHARE = 0.95;

/**
 * The cosines of the nearest cold rows from their texts, by key: of a vector cold keeps the signs alone, which tell roughly where it
 * belongs. Fewer where the model does not answer in time.
 */
export async function rescoreCold(
  { context: { embedder, coldVectors = new ColdVectors() }, budget }: Running,
  tiers: readonly TierCandidates[],
  rows: ReadonlyMap<string, StoredMemory>,
  query: ModelVector | undefined,
): Promise<ReadonlyMap<string, number>> {
  const embedTexts = embedder?.embedTexts?.bind(embedder);
  // Vectors of another model are none of a host's, and kept whole.
  if (embedTexts === undefined || query?.model !== EMBEDDING_MODEL) return new Map();
  const nearest = nearestCold(tiers, rows);
  const vectors = new Map<string, Float32Array>();
  for (const { hash } of nearest) {
    const known = coldVectors.get(hash);
    if (known !== undefined) vectors.set(hash, known);
  }
  const unknown = nearest.filter(({ hash }) => !vectors.has(hash));
  if (unknown.length > 0) {
    const limit = {
      ms: budget.spentMs + LONGEST_MS,
      name: 'the model',
      setting: 'AKOSHA_SEARCH_TIMEOUT_SECONDS',
    };
    await budget.attempt(
      SHARE,
      async (stop) => {
        for (let from = 0; from < unknown.length && !stop.aborted; from += AT_ONCE) {
          const part = unknown.slice(from, from + AT_ONCE);
          const texts = part.map(({ content }) => content);
          const made = await embedTexts(query.model, texts, stop);
          part.forEach(({ hash }, n) => {
            const vector = made[n];
            if (vector === undefined || stop.aborted) return;
            vectors.set(hash, vector);
            coldVectors.keep(hash, vector);
          });
        }
      },
      limit,
    );
  }
  return new Map(
    nearest.flatMap((row) => {
      const vector = vectors.get(row.hash);
      return vector === undefined ? [] : [[keyText(row), dot(vector, query.values)]];
    }),
  );
}

function nearestCold(
  tiers: readonly TierCandidates[],
  rows: ReadonlyMap<string, StoredMemory>,
): StoredMemory[] {
  const candidates = tiers.find(({ tier }) => tier === 'cold')?.vectors.slice(0, RESCORED) ?? [];
  return candidates.flatMap((candidate) => {
    const row = rows.get(keyText(candidate));
    return row?.tier === 'cold' ? [row] : [];
  });
}

/** Of vectors of length 1 it is the cosine. */
function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
}
