import { indexedTerm, indexedText } from '../../../memory/words.js';
import type { CatalogDatabase } from './database.js';
import { PLACED, toPlaced, type Placed, type PlacedRow } from './lookup.js';

/** What searches by words and tags go by, keyed by placement: a move between tiers leaves the tags, and a cold text has no words here. */

/** The text and tags of a row that will be written, and the model of the vector that it has, if it has one. */
export interface IncomingText {
  n: number;
  content: string;
  tags: readonly string[];
  model: string | null;
}

/** For the text index, and to know what lacks a vector; before `commitIngest` or in it. */
export function stageTexts(db: CatalogDatabase, stage: string, texts: readonly IncomingText[]): void {
  db.run(
    `INSERT INTO incoming_texts SELECT $stage, value ->> 'n', value ->> 'content', value -> 'tags', value ->> 'model'
     FROM json_each($texts) WHERE true ON CONFLICT DO NOTHING`,
    { stage, texts: JSON.stringify(texts.map((text) => ({ ...text, content: indexedText(text.content) }))) },
  );
}

/**
 * Inside the caller's transaction, once the rows of a stage are placed. What was cold or deleted has no entry, and deleting a missing one is
 * no error. A deletion brings no text, so it gets none.
 */
export function indexTexts(
  db: CatalogDatabase,
  { stage, systemId, needed }: { stage: string; systemId: string; needed: string },
): void {
  const replaced = `(SELECT pid FROM incoming WHERE stage = $stage AND ${needed} AND pid IS NOT NULL)`;
  db.run(`DELETE FROM memory_text WHERE rowid IN ${replaced}`, { stage });
  db.run(`DELETE FROM memory_tags WHERE pid IN ${replaced}`, { stage });
  db.run(`DELETE FROM memories_to_index WHERE pid IN ${replaced}`, { stage });
  const placed = `FROM incoming i JOIN incoming_texts t ON t.stage = i.stage AND t.n = i.n
    JOIN placements p ON p.row_id = i.row_id AND p.system_id = $system`;
  db.run(
    `INSERT INTO memory_text (rowid, content) SELECT p.pid, t.content ${placed} WHERE i.stage = $stage`,
    {
      stage,
      system: systemId,
    },
  );
  db.run(
    `INSERT INTO memory_tags (pid, tag) SELECT p.pid, g.value ${placed}, json_each(t.tags) g WHERE i.stage = $stage
     ON CONFLICT DO NOTHING`,
    { stage, system: systemId },
  );
}

/** How FTS5 is asked for texts with any of the terms, or with all. */
export function matchOf(terms: readonly string[], which: 'any' | 'all'): string {
  return terms.map(indexedTerm).join(which === 'any' ? ' OR ' : ' AND ');
}

export interface ToIndex {
  pid: number;
  placed: Placed;
}

/** A part of what an older version placed, from behind a placement on. */
export function memoriesToIndex(
  db: CatalogDatabase,
  { after, limit }: { after: number; limit: number },
): ToIndex[] {
  const rows = db.all<PlacedRow & { pid: number }>(
    `SELECT w.pid, ${PLACED} FROM memories_to_index w CROSS JOIN placements p ON p.pid = w.pid
     LEFT JOIN objects o ON o.object_id = p.object_id WHERE w.pid > $after ORDER BY w.pid LIMIT $limit`,
    { after, limit },
  );
  return rows.map((row) => ({ pid: row.pid, placed: toPlaced(row) }));
}

export interface TextToIndex {
  pid: number;
  rowId: number;
  /** Undefined where it is cold, and so not in this index. */
  content: string | undefined;
  tags: readonly string[];
}

/** By row id: one that was replaced or moved since it was read is not what counts any more, and goes on waiting if it was moved. */
export function indexAgain(db: CatalogDatabase, texts: readonly TextToIndex[]): void {
  db.transaction(() => {
    for (const { pid, rowId, content, tags } of texts) {
      const here = db.run(
        `DELETE FROM memories_to_index WHERE pid = (SELECT pid FROM placements WHERE pid = $pid AND row_id = $rowId)`,
        { pid, rowId },
      );
      if (here === 0) continue;
      db.run(
        `INSERT INTO memory_tags (pid, tag) SELECT $pid, value FROM json_each($tags) WHERE true ON CONFLICT DO NOTHING`,
        {
          pid,
          tags: JSON.stringify(tags),
        },
      );
      if (content === undefined) continue;
      db.run(`DELETE FROM memory_text WHERE rowid = $pid`, { pid });
      db.run(`INSERT INTO memory_text (rowid, content) VALUES ($pid, $content)`, {
        pid,
        content: indexedText(content),
      });
    }
  });
}
