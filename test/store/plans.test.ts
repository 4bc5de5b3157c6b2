import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { readJson } from '../../src/store/embedded/catalog/as-json.js';
import { CatalogDatabase } from '../../src/store/embedded/catalog/database.js';
import * as forget from '../../src/store/embedded/catalog/forget.js';
import { placements } from '../../src/store/embedded/catalog/lookup.js';
import * as moves from '../../src/store/embedded/catalog/moves.js';
import * as models from '../../src/store/embedded/catalog/models.js';
import * as pins from '../../src/store/embedded/catalog/pins.js';
import * as retention from '../../src/store/embedded/catalog/retention.js';
import { selectPage } from '../../src/store/embedded/catalog/select.js';
import * as sweep from '../../src/store/embedded/catalog/sweep.js';
import { backlog, furthestBehind } from '../../src/store/embedded/catalog/backlog.js';
import { listUploads } from '../../src/store/embedded/catalog/upload-list.js';
import * as vectors from '../../src/store/embedded/catalog/vectors.js';
import { unfinishedSystems, uploadsToForget } from '../../src/store/embedded/catalog/uploads.js';
import { FIRST_WAITING } from '../../src/store/index.js';
import { temporaryFolder } from '../reader/support.js';

interface Step {
  id: number;
  parent: number;
  detail: string;
}

interface Statement {
  sql: string;
  steps: Step[];
}

let database: CatalogDatabase;

beforeEach(async () => {
  const opened = new CatalogDatabase(join(await temporaryFolder(), 'catalog.db'), 'write');
  onTestFinished(() => opened.close());
  opened.startEpoch(1);
  opened.run(`INSERT INTO systems (system_id) VALUES ('host-1')`);
  opened.run(
    `INSERT INTO uploads (system_id, upload_id, ord, state, manifest_sha256, created_at, registered_at)
     VALUES ('host-1', 'u1', 1, 'done', 'x', 1, 1)`,
  );
  opened.run(
    `INSERT INTO objects (object_id, name, op_id, kind, system_id, bytes, sha256, min_own_time, max_own_time)
     VALUES (1, 'journal/1', 1, 'journal', 'host-1', 1, 'x', 1, 1)`,
  );
  for (const [row, tier] of ['hot', 'warm'].entries()) {
    opened.run(
      `INSERT INTO placements (system_id, kind, memory_id, row_id, hash, ord, upload_id, tier, keeper_id, own_time)
       VALUES ('host-1', 'conversation', $tier, $row, 'x', 1, 'u1', $tier, 1, 1)`,
      { row, tier },
    );
  }
  database = opened;
});

/** How SQLite goes about each statement that `work` runs. */
function plansOf(work: () => void): Statement[] {
  const all = vi.spyOn(database, 'all');
  const run = vi.spyOn(database, 'run');
  work();
  const calls = [...all.mock.calls, ...run.mock.calls];
  all.mockRestore();
  run.mockRestore();
  return calls.map(([sql, parameters]) => ({
    sql,
    steps: database.all<Step>(`EXPLAIN QUERY PLAN ${sql}`, parameters),
  }));
}

/** A list that a loop goes through anew for each row of another: a hundred thousand of each take minutes, on the one thread that writes. */
function listsReadAgain({ steps }: Statement): string[] {
  const again = steps.filter((step) => {
    if (!/^SCAN (?!memory_text)\w+ VIRTUAL TABLE/.test(step.detail)) return false;
    const outer = steps.find(({ parent, id, detail }) => {
      return parent === step.parent && id < step.id && /^(SCAN|SEARCH)/.test(detail);
    });
    const around = steps.find(({ id }) => id === step.parent);
    return outer !== undefined || /^CORRELATED/.test(around?.detail ?? '');
  });
  return again.map(({ detail }) => detail);
}

/** Tables that grow with what the store holds, read from end to end. */
function readWhole({ steps }: Statement): string[] {
  return steps
    .map(({ detail }) => detail)
    .filter((detail) => /^SCAN (p|placements|unnamed|uploads|objects)\b/.test(detail));
}

const clock = { now: 10, unnamedBefore: 5 };
const lease = { now: 10, leaseUntil: 20 };
const month = { systemId: 'host-1', from: 0, until: 100, cutoff: 100, limit: 10 };
const object = { name: 'cold/1', bytes: 1, sha256: 'x' };

describe('what a transition asks of the catalog', () => {
  it.each<[string, () => void]>([
    ['rows that stand', () => void sweep.chooseRows(database, [{ rowId: 7, opId: 1 }], clock)],
    [
      'objects that are listed',
      () => void sweep.chooseObjects(database, ['journal/x-68719476737-y.parquet'], clock),
    ],
    ['rows that went', () => sweep.forgetUnnamed(database, 'row', ['7'])],
    ['objects that went', () => sweep.forgetUnnamed(database, 'object', ['cold/9'])],
    [
      'a move',
      () => {
        const opened = moves.openMove(database, { cutoff: 100, limit: 10, ...lease });
        moves.commitMove(database, { opId: opened?.opId ?? 0, faulty: [], now: 10, transitionId: 't' });
      },
    ],
    [
      'a cold object',
      () => {
        const opened = moves.openCold(database, { ...month, ...lease });
        moves.commitCold(database, {
          opId: opened?.opId ?? 0,
          faulty: [],
          now: 10,
          transitionId: 't',
          systemId: 'host-1',
          month: '1970-01',
          found: 1,
          object,
        });
      },
    ],
  ])('about %s grows with the batch, not with the store', (_, work) => {
    const statements = plansOf(work);
    expect(statements.length).toBeGreaterThan(0);
    expect(statements.filter((statement) => listsReadAgain(statement).length > 0)).toEqual([]);
    expect(statements.filter((statement) => readWhole(statement).length > 0)).toEqual([]);
  });

  it.each<[string, Parameters<typeof selectPage>[1], RegExp]>([
    ['of all', {}, /placements_by_system_age \(tier=\? AND \(system_id,own_time\)>/],
    [
      'of a system',
      { systemId: 'host-1' },
      /placements_by_system_age \(tier=\? AND system_id=\? AND own_time>/,
    ],
    ['of names', { memories: [] }, /placements_by_key/],
  ])('about a page of a selection %s goes through an index', (_, selection, index) => {
    const after = { systemId: 'host-1', ownTime: 0, pid: 0 };
    const [page] = plansOf(() => void selectPage(database, selection, { tier: 'hot', after, limit: 10 }));
    const details = page?.steps.map(({ detail }) => detail) ?? [];
    expect(details.join('\n')).toMatch(index);
    if (selection.memories === undefined) expect(details.join('\n')).not.toMatch(/TEMP B-TREE/);
  });

  it('about pins costs two look-ups for each row', () => {
    const memories = [{ systemId: 'host-1', kind: 'conversation', memoryId: 'hot' }] as const;
    pins.pinMemories(database, memories, { tier: null, reason: null, now: 1 });
    const cutoffs = { hotCutoff: 100, warmCutoff: 100, now: 10 };
    expect(moves.countDue(database, cutoffs)).toEqual({ hot: 0, warm: 1 });
    const details = plansOf(() => {
      moves.countDue(database, cutoffs);
      pins.unpinMemories(database, memories);
    }).flatMap(({ steps }) => steps.map(({ detail }) => detail));
    expect(details.filter((detail) => /\b(n|pins)\b/.test(detail))).not.toEqual([]);
    for (const detail of details.filter((step) => /^(SCAN|SEARCH) (n|pins)\b/.test(step)))
      expect(detail).toMatch(/SEARCH (n|pins) USING PRIMARY KEY/);
  });

  it('about one system’s month does not read that month of the others', () => {
    const [choice] = plansOf(() => void moves.openCold(database, { ...month, ...lease }));
    expect(choice?.steps[0]?.detail).toMatch(
      /placements_by_system_age \(tier=\? AND system_id=\? AND own_time>/,
    );
  });
});

describe('vectors that the server makes', () => {
  const made = [{ rowId: 0, vector: new Float32Array(384).fill(1) }];
  const part = { model: 'm1', after: FIRST_WAITING, limit: 10 };

  beforeEach(() => models.ensureModel(database, 'm1', 1));

  it('cost what waits and what was made, not what the store holds', () => {
    const statements = plansOf(() => {
      models.modelNames(database);
      vectors.waitingPlacements(database, part);
      vectors.waitingPlacements(database, { ...part, after: { placement: 9, object: 1, inObject: 1 } });
      vectors.keepVectors(database, 'm1', made, 1);
      vectors.searchMadeVectors(database, {
        model: 'm1',
        vector: new Float32Array(384).fill(1),
        tier: 'hot',
        filters: { tiers: ['hot'] },
        limit: 10,
      });
    });
    expect(statements.filter((statement) => listsReadAgain(statement).length > 0)).toEqual([]);
    expect(statements.filter((statement) => readWhole(statement).length > 0)).toEqual([]);
    expect(statements.flatMap(({ steps }) => steps.map(({ detail }) => detail))).toContain(
      'SEARCH v USING PRIMARY KEY (model_id=?)',
    );
  });

  it('go with their memory, whatever removes it', () => {
    vectors.keepVectors(database, 'm1', made, 1);
    const counts = (): number[] =>
      ['vectors', 'vectors_waiting'].map((table) => database.number(`SELECT count(*) FROM ${table}`));
    expect(counts()).toEqual([1, 1]);
    database.run('DELETE FROM placements');
    expect(counts()).toEqual([0, 0]);
  });
});

describe('a list of uploads', () => {
  it.each<[string, string, Parameters<typeof listUploads>[1]]>([
    ['of all', 'uploads_by_age', { limit: 10 }],
    ['of an id', 'uploads_by_id', { limit: 10, uploadId: 'u1', state: 'done' }],
    ['of a state', 'uploads_by_state_age', { limit: 10, state: 'pending' }],
    ['of a system', 'uploads_by_system_age', { limit: 10, systemId: 'host-1' }],
    ['of a system and a state', 'uploads_by_system_age', { limit: 10, systemId: 'host-1', state: 'done' }],
  ])('%s goes through an index that is in its order', (_, index, page) => {
    const after = { registeredAt: 5, systemId: 'host-1', uploadId: 'u9' };
    for (const request of [page, { ...page, after }]) {
      const [list] = plansOf(() => void listUploads(database, request));
      const details = list?.steps.map(({ detail }) => detail) ?? [];
      expect(details).toEqual([expect.stringContaining(`USING INDEX ${index}`)]);
    }
  });
});

describe('a forget', () => {
  const of = { scopeId: 's', system: 'host-1', project: 'p', kind: 'conversation', memoryId: 'hot' };

  it.each([
    ['memory', /placements_by_key \(system_id=\? AND kind=\? AND memory_id=\?\)/],
    ['system', /placements_by_key \(system_id=\?\)/],
    ['project', /placements_by_key \(system_id=\?\)/],
  ] as const)('of a %s looks at what may be of it, and not at the store', (scope, index) => {
    const row = { ...of, scope };
    const systems = { systemId: 'host-1', before: 5, givenUp: true, limit: 10 };
    const statements = plansOf(() => {
      forget.countInScope(database, row);
      forget.previewForget(database, row);
      uploadsToForget(database, { ...systems, after: { systemId: '', uploadId: '' } });
      forget.beginForget(database, {
        row,
        scope: { scope: 'system', systemId: 'host-1' },
        requestedAt: 1,
        now: 1,
      });
    });
    const details = statements.flatMap(({ steps }) => steps.map(({ detail }) => detail));
    const looks = details.filter((detail) => /^(SCAN|SEARCH) p (?!USING INTEGER PRIMARY KEY)/.test(detail));
    expect(looks).toHaveLength(4);
    for (const look of looks) expect(look).toMatch(index);
    expect(details.filter((detail) => /^SCAN (placements|uploads)/.test(detail))).toEqual([]);
  });
});

describe('a look for placements', () => {
  const known = { systemId: 'host-1', kind: 'conversation', memoryId: 'hot' } as const;

  it('by their numbers, and by keys, reads none but those', () => {
    const found = database.get<{ pid: number }>(`SELECT pid FROM placements WHERE memory_id = 'hot'`);
    const placeId = found?.pid ?? expect.fail('there is no such placement');
    const keys = [
      { ...known, placeId },
      { ...known, memoryId: 'warm' },
    ];
    const statements = plansOf(() => {
      const placed = readJson(placements(database, keys));
      expect(placed.map(({ memoryId }) => memoryId)).toEqual(['hot', 'warm']);
      expect(placed[0]).toMatchObject({ ...known, rowId: 0, tier: 'hot', ownTime: 1, object: null });
    });
    const looks = statements.flatMap(({ steps }) => steps.filter(({ detail }) => / p /.test(detail)));
    expect(looks.map(({ detail }) => detail)).toEqual([
      expect.stringMatching(/^SEARCH p USING INTEGER PRIMARY KEY/),
      expect.stringMatching(
        /^SEARCH p USING INDEX placements_by_key \(system_id=\? AND kind=\? AND memory_id=\?\)/,
      ),
    ]);
  });

  it('by the number of one that is gone finds no other that has it by now', () => {
    const other = database.get<{ pid: number }>(`SELECT pid FROM placements WHERE memory_id = 'warm'`);
    const placeId = other?.pid ?? expect.fail('there is no such placement');
    expect(readJson(placements(database, [{ ...known, placeId }]))).toEqual([]);
  });
});

describe('a look for raw uploads whose days are over', () => {
  it.each([
    ['expired', /^SEARCH u USING (COVERING )?INDEX uploads_expiring \(<expr>>\? AND <expr><\?\)$/],
    ['outnumbered', /^SEARCH u USING (COVERING )?INDEX uploads_outnumbered /],
  ] as const)('that are %s reads what may be due, in order, and not the ledger', (part, index) => {
    const after = { part, since: 1, systemId: 'host-1', uploadId: 'u0' };
    const [look] = plansOf(() => void retention.uploadsToRetire(database, { before: 5, after, limit: 10 }));
    const details = look?.steps.map(({ detail }) => detail) ?? [];
    expect(details[0]).toMatch(index);
    // Of findings its index has those that stand alone.
    const reads = details.filter((detail) => detail !== 'SCAN f USING INDEX findings_standing');
    expect(reads.filter((detail) => /^SCAN|TEMP B-TREE FOR ORDER/.test(detail))).toEqual([]);
  });
});

describe('a look at the queue', () => {
  it.each<[string, () => void]>([
    ['how much waits', () => void backlog(database)],
    ['who waits longest', () => void furthestBehind(database, 10)],
    ['who has something to do', () => void unfinishedSystems(database, 100)],
  ])('for %s reads index entries of what waits alone', (_, work) => {
    const details = plansOf(work).flatMap(({ steps }) => steps.map(({ detail }) => detail));
    const reads = details.filter((detail) => /^(SCAN|SEARCH) (?!\(subquery)/.test(detail));
    expect(reads.length).toBeGreaterThan(0);
    for (const read of reads)
      expect(read).toMatch(
        /SEARCH uploads USING COVERING INDEX|SCAN uploads USING COVERING INDEX uploads_(unfinished|again)/,
      );
  });
});
