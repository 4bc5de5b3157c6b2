import { createHash } from 'node:crypto';
import path from 'node:path';
import { receiptKey, type Kind, type Tier } from '../../src/contract/index.js';
import { parseReceipt } from '../../src/memory/index.js';
import { openObjectStore } from '../../src/objects/index.js';
import { ReaderPool } from '../../src/reader/index.js';
import { openEmbeddedStore } from '../../src/store/index.js';
import { CatalogDatabase } from '../../src/store/embedded/catalog/database.js';
import { withDuckDB } from './databases.js';

/** What a store holds, in a form that two runs can be compared by. */
export interface StoreContents {
  /** `<system>/<kind>/<id>` to its tier, content hash and the hash of its text as a search would show it. */
  memories: Record<string, { tier: Tier; hash: string; text: string }>;
  /** Rows that stand in the tier files beyond those that placements name. */
  garbageRows: number;
  /** Journal and cold objects that no placement names, and records of such. */
  garbageObjects: number;
  /** Uploads on their way, operations open, inbox entries: none of them at rest. */
  unfinished: number;
  /** Memories that receipts call new, in the first ingest of each upload. Each receipt has been found equal to the ledger. */
  receiptedNew: number;
}

interface LedgerRow {
  system_id: string;
  upload_id: string;
  rows_new: number;
  rows_changed: number;
  rows_unchanged: number;
}

interface PlacementRow {
  system_id: string;
  kind: Kind;
  memory_id: string;
  hash: string;
  tier: Tier;
}

/**
 * Reads a stopped program's store through the store's own interface: every placement's row must be fetched, so a placement
 * that names a missing row fails here.
 */
export async function readStore(
  dataDir: string,
  archiveUrl = `file://${dataDir}/objects`,
): Promise<StoreContents> {
  const catalogFile = path.join(dataDir, 'store/catalog.db');
  const catalog = new CatalogDatabase(catalogFile, 'read');
  const placed = catalog.all<PlacementRow>('SELECT system_id, kind, memory_id, hash, tier FROM placements');
  const named = new Set(
    catalog
      .all<{ name: string }>('SELECT name FROM objects WHERE object_id IN (SELECT keeper_id FROM placements)')
      .map((row) => row.name),
  );
  const recorded = catalog.number('SELECT count(*) FROM objects');
  const unfinished =
    catalog.number(`SELECT count(*) FROM uploads WHERE state NOT IN ('done', 'raw_gone', 'dropped')`) +
    catalog.number(`SELECT count(*) FROM operations WHERE state = 'open'`);
  const ledger = catalog.all<LedgerRow>(
    'SELECT system_id, upload_id, rows_new, rows_unchanged, rows_changed FROM uploads',
  );
  catalog.close();

  const archive = await openObjectStore(archiveUrl);
  const objects: string[] = [];
  for (const prefix of ['journal/', 'cold/']) {
    for await (const page of archive.list(prefix)) objects.push(...page.objects.map(({ key }) => key));
  }
  const inbox: string[] = [];
  for await (const page of archive.list('inbox/')) inbox.push(...page.objects.map(({ key }) => key));
  let receiptedNew = 0;
  for (const upload of ledger) {
    const key = receiptKey({ systemId: upload.system_id, uploadId: upload.upload_id });
    const { rows, again } = parseReceipt(await archive.get(key));
    const counts = [rows.new, rows.changed, rows.unchanged];
    if (String(counts) !== String([upload.rows_new, upload.rows_changed, upload.rows_unchanged])) {
      throw new Error(`the receipt of ${upload.upload_id} says ${String(counts)}, the ledger otherwise`);
    }
    receiptedNew += (again?.first.rows ?? rows).new;
  }
  const memories = await fetchAll(dataDir, archiveUrl, placed);
  await archive.close();
  const standing = await countStanding(dataDir);
  return {
    memories,
    garbageRows: standing - placed.filter((row) => row.tier !== 'cold').length,
    garbageObjects: objects.filter((name) => !named.has(name)).length + (recorded - named.size),
    unfinished: unfinished + inbox.length,
    receiptedNew,
  };
}

async function fetchAll(
  dataDir: string,
  archiveUrl: string,
  placed: readonly PlacementRow[],
): Promise<StoreContents['memories']> {
  const reader = new ReaderPool({ size: 1, memoryLimitMb: 256, jobTimeoutMs: 60_000 });
  const archive = await openObjectStore(archiveUrl);
  const store = await openEmbeddedStore({
    dataFolder: dataDir,
    archive,
    policy: { hotDays: 7, warmDays: 90, coldBatchRows: 1000, coldOverdueDays: 7 },
    memoryMb: 512,
    coldCacheBytes: 1e9,
    leaseMs: 900_000,
    hashFile: (file) => reader.hashFile(file),
    now: Date.now,
  });
  try {
    const keys = placed.map((row) => ({ systemId: row.system_id, kind: row.kind, memoryId: row.memory_id }));
    const fetched = await store.fetch(keys, ['hot', 'warm', 'cold']);
    if (fetched.length !== placed.length)
      throw new Error(`${placed.length} placements, ${fetched.length} rows`);
    return Object.fromEntries(
      fetched.map((memory) => [
        `${memory.systemId}/${memory.kind}/${memory.memoryId}`,
        {
          tier: memory.tier,
          hash: memory.hash,
          text: createHash('sha256').update(memory.content).digest('hex'),
        },
      ]),
    );
  } finally {
    await store.close();
    await archive.close();
    await reader.close();
  }
}

/** Rows in the tables of both tier files, whoever names them. */
async function countStanding(dataDir: string): Promise<number> {
  return withDuckDB(async (connection) => {
    let rows = 0;
    for (const tier of ['hot', 'warm']) {
      await connection.run(
        `ATTACH '${path.join(dataDir, 'store', `${tier}.duckdb`)}' AS ${tier} (READ_ONLY)`,
      );
      const tables = await connection.runAndReadAll(
        `SELECT table_name FROM duckdb_tables() WHERE database_name = '${tier}'`,
      );
      for (const [name] of tables.getRows()) {
        const count = await connection.runAndReadAll(`SELECT count(*) FROM ${tier}.main.${String(name)}`);
        rows += Number(count.getRows()[0]?.[0]);
      }
    }
    return rows;
  });
}
