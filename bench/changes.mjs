// What an upload costs of which little is new: a host's whole database goes up each time, and what the store has is not written again.
//   node bench/changes.mjs --rows 20000 --new 200
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openBench, printTable } from './support.mjs';
import { withDuckDB, writeDatabase } from './synthetic.mjs';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '20000' },
    new: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '3' },
  },
});
const [rows, fresh, rounds] = [Number(values.rows), Number(values.new), Number(values.rounds)];

const bench = await openBench();
try {
  // A reader that starts is no part of either.
  const small = join(bench.folder, 'small.duckdb');
  await writeDatabase(small, 10, 0.9);
  await bench.ingest('warm-up', [small]);
  const table = [['', 'first, s', `with ${fresh} of ${rows + fresh} new, s`, 'share']];
  for (let round = 1; round <= rounds; round += 1) {
    const database = join(bench.folder, `database-${round}.duckdb`);
    await writeDatabase(database, rows, round / 100);
    const first = await bench.ingest(`host-${round}`, [database]);
    const more = join(bench.folder, `more-${round}.duckdb`);
    await writeDatabase(more, fresh, round / 100 + 0.5);
    await withDuckDB(database, async (connection) => {
      await connection.run(`ATTACH '${more}' AS more (READ_ONLY)`);
      await connection.run('INSERT INTO conversations_v2 SELECT * FROM more.conversations_v2');
    });
    const second = await bench.ingest(`host-${round}`, [database]);
    table.push([
      `round ${round}`,
      first.toFixed(2),
      second.toFixed(2),
      `${((second / first) * 100).toFixed(0)} %`,
    ]);
  }
  printTable(table);
} finally {
  await bench.close();
}
