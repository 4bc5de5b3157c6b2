import { keyText } from '../contract/index.js';
import { EMBEDDING_MODEL } from '../memory/index.js';
import type { ModelVector, StoredMemory } from '../store/index.js';
import type { TierCandidates } from './candidates.js';
import type { Running } from './context.js';

/** So many of the nearest by their signs: which of those come first is what a page shows. */
const RESCORED = 20;

/** A model takes about 10 ms for a text. Where it is busy, as while it makes vectors of an upload, what the signs say has to do for the rest. */
const LONGEST_MS = 3_000;

/** Texts embedded at once: what is done when the time is over counts. */
const AT_ONCE = 5;

/** A share of the search's time behind that of fetching the rows. */
const SHARE = 0.95;

/** Vectors of cold texts, which are as they are for good: 8 MB. */
const KEPT = 5_000;

/** Vectors by what they were made of; the one used longest ago goes first. */
const known = new Map<string, Float32Array>();

/**
 * The cosines of the nearest cold rows from their texts, by key: of a vector cold keeps the signs alone, which tell roughly where it
 * belongs. Fewer where the model does not answer in time.
 */
export async function rescoreCold(
  { context: { embedder }, budget }: Running,
  tiers: readonly TierCandidates[],
  rows: ReadonlyMap<string, StoredMemory>,
  query: ModelVector | undefined,
): Promise<ReadonlyMap<string, number>> {
  const embedTexts = embedder?.embedTexts?.bind(embedder);
  // Vectors of another model are none of a host's, and kept whole.
  if (embedTexts === undefined || query?.model !== EMBEDDING_MODEL) return new Map();
  const nearest = nearestCold(tiers, rows);
  const unknown = nearest.filter(({ hash }) => !known.has(hash));
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
          part.forEach(({ hash }, n) => keep(hash, made[n]));
        }
      },
      limit,
    );
  }
  return new Map(
    nearest.flatMap((row) => {
      const vector = known.get(row.hash);
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

function keep(hash: string, vector: Float32Array | undefined): void {
  if (vector === undefined) return;
  known.set(hash, vector);
  const [oldest] = known.keys();
  if (known.size > KEPT && oldest !== undefined) known.delete(oldest);
}

/** Of vectors of length 1 it is the cosine. */
function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
}
