// What an upload costs of which little is new: a host's whole database goes up each time, and what the store has is not written again.
//   node bench/changes.mjs --rows 20000 --new 200
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cpuSeconds } from './cpu.mjs';
import { openBench, printTable } from './support.mjs';
import { DAYS, withDuckDB, writeDatabase } from './synthetic.mjs';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '20000' },
    new: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '3' },
  },
});
const [rows, fresh, rounds] = [Number(values.rows), Number(values.new), Number(values.rounds)];

const bench = await openBench();

/** Wall time of an ingest, and CPU of this process and its readers from its upload's arrival on. */
async function ingest(systemId, database) {
  let before = 0;
  const seconds = await bench.ingest(systemId, [database], () => (before = totalCpu()));
  return { seconds, cpu: totalCpu() - before };
}

function totalCpu() {
  return [...cpuSeconds().values()].reduce((sum, part) => sum + part, 0);
}

function share(second, first) {
  return `${((second / first) * 100).toFixed(0)} %`;
}

try {
  // A reader that starts is no part of either.
  const small = join(bench.folder, 'small.duckdb');
  await writeDatabase(small, 10, 0.9);
  await bench.ingest('warm-up', [small]);
  const table = [
    ['', 'first, s', `${fresh} of ${rows + fresh} new, s`, 'share', 'first, CPU s', 'second, CPU s', 'share'],
  ];
  for (let round = 1; round <= rounds; round += 1) {
    const database = join(bench.folder, `database-${round}.duckdb`);
    await writeDatabase(database, rows, round / 100);
    const first = await ingest(`host-${round}`, database);
    const more = join(bench.folder, `more-${round}.duckdb`);
    // A host that made the first in 400 days makes these in four.
    await writeDatabase(more, fresh, round / 100 + 0.5, (DAYS * fresh) / rows);
    await withDuckDB(database, async (connection) => {
      await connection.run(`ATTACH '${more}' AS more (READ_ONLY)`);
      await connection.run('INSERT INTO conversations_v2 SELECT * FROM more.conversations_v2');
    });
    const second = await ingest(`host-${round}`, database);
    table.push([
      `round ${round}`,
      first.seconds.toFixed(2),
      second.seconds.toFixed(2),
      share(second.seconds, first.seconds),
      first.cpu.toFixed(2),
      second.cpu.toFixed(2),
      share(second.cpu, first.cpu),
    ]);
  }
  printTable(table);
} finally {
  await bench.close();
}
