import { closeSync, openSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { WrittenBackup } from '../../backup.js';
import type { CatalogDatabase } from './database.js';

/**
 * What a backup holds: what is in no object, or may be in none any more once the raw files of an upload are gone. Not the tombstones: of these
 * their objects are the only authority, because one that was lifted since would come back. What went with a project counts by its tombstone alone.
 */
const BACKED_UP: Readonly<Record<string, string>> = {
  systems: '1',
  gaps: '1',
  // Those with a receipt. What waits is found again by what stands of it.
  uploads: `state NOT IN ('pending', 'committed')`,
  pins: `source = 'pin'`,
  models: `role <> 'old'`,
  forgotten_keys: '1',
};

/** Compressed together; it bounds memory. */
const PART_BYTES = 2 ** 20;

/** How many things changed since the last backup. */
export function unsaved(db: CatalogDatabase): number {
  return db.number(`SELECT count(*) FROM unsaved`);
}

/**
 * Writes a backup: a line of JSON for each row, with its table, in gzip. One transaction, on the thread of the scans, where it holds up neither a
 * commit nor a look-up; a million uploads take some seconds.
 */
export function writeBackup(db: CatalogDatabase, file: string, now: number): WrittenBackup {
  const descriptor = openSync(file, 'wx', 0o600);
  let rows = 0;
  let part = '';
  const flush = (): void => {
    // All of it or an error: where room is short, a single write may take a part.
    writeFileSync(descriptor, gzipSync(part));
    part = '';
  };
  try {
    const seq = db.snapshot(() => {
      for (const [table, where] of Object.entries(BACKED_UP)) {
        for (const row of db.each(`SELECT * FROM ${table} WHERE ${where}`)) {
          part += `${JSON.stringify({ table, row })}\n`;
          rows++;
          if (part.length > PART_BYTES) flush();
        }
      }
      return db.number(`SELECT coalesce(max(seq), 0) FROM unsaved`);
    });
    flush();
    return { rows, seq, takenAt: now };
  } finally {
    closeSync(descriptor);
  }
}

export function markSaved(db: CatalogDatabase, seq: number): void {
  db.run(`DELETE FROM unsaved WHERE seq <= $seq`, { seq });
}

/** A row of a backup, which an older or newer version of the schema may have written. */
export interface BackupRow {
  table: string;
  row: Record<string, string | number | null>;
}

/** Columns that are no more are left out, and those that are new have their defaults. A row that stands is left as it is. */
export function restoreRows(db: CatalogDatabase, rows: readonly BackupRow[]): void {
  db.transaction(() => {
    for (const { table, row } of rows) {
      if (!Object.hasOwn(BACKED_UP, table)) continue;
      const columns = columnsOf(db, table).filter((column) => Object.hasOwn(row, column));
      // A new catalog has the model of the settings; the store's own is what counts.
      if (table === 'models') db.run(`DELETE FROM models WHERE role = $role`, { role: row['role'] ?? '' });
      db.run(
        `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map((column) => `$${column}`).join(', ')})
         ON CONFLICT DO NOTHING`,
        Object.fromEntries(columns.map((column) => [column, row[column] ?? null])),
      );
    }
  });
}

function columnsOf(db: CatalogDatabase, table: string): string[] {
  return db
    .all<{ name: string }>(`SELECT name FROM pragma_table_info($table)`, { table })
    .map(({ name }) => name);
}

/** Receipts from then on say more than the backup does. */
export function noteBackup(db: CatalogDatabase, takenAt: number): void {
  db.run(
    `INSERT INTO meta VALUES ('rebuild_backup_at', $takenAt) ON CONFLICT DO UPDATE SET value = $takenAt`,
    {
      takenAt,
    },
  );
}
