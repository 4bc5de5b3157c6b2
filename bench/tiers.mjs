/**
 * What moves between tiers cost, and how large a memory is in each: memories of some systems, all of them moved from hot to warm and then
 * from warm to cold. Usage: node bench/tiers.mjs [--rows 10000] [--systems 5] [--batches 1000,10000] [--due 100] [--searches]
 * With --due so many percent of them, the oldest, are moved. With --searches one caller searches hot and warm all the time, by a vector and
 * words, before each move and during it.
 */
import { parseArgs } from 'node:util';
import { join } from 'node:path';
import { NOW, openBench, POLICY, printTable } from './support.mjs';
import { Searcher } from './searcher.mjs';
import { writeDatabase } from './synthetic.mjs';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000' },
    systems: { type: 'string', default: '5' },
    batches: { type: 'string', default: '1000,10000' },
    due: { type: 'string', default: '100' },
    searches: { type: 'boolean', default: false },
  },
});
const [rows, systems] = [Number(values.rows), Number(values.systems)];

/** All of it is hot as of its upload, and of a month or two. */
const DAYS = 5;
const DAY_MS = 86_400_000;
const youngestDue = NOW - DAYS * DAY_MS * (1 - Number(values.due) / 100);
const [ASOF_WARM, ASOF_COLD] = [POLICY.hotDays, POLICY.warmDays].map((days) => youngestDue + days * DAY_MS);

const moves = [['batch', 'move', 'rows', 'seconds', 'rows a second', 'CPU s per 10,000']];
/** Milliseconds of a search. */
const waits = [['batch', 'when', 'searches', 'p50', 'p99', 'most']];
const sizes = [['batch', 'tier', 'bytes', 'a memory', 'of hot']];
for (const batch of values.batches.split(',').map(Number)) await measure(batch);
printTable(moves);
console.log();
printTable(sizes);
if (values.searches) {
  console.log();
  printTable(waits);
}

async function measure(batch) {
  const bench = await openBench();
  try {
    for (let system = 0; system < systems; system++) {
      const database = join(bench.folder, `host-${system}.duckdb`);
      await writeDatabase(database, Math.ceil(rows / systems), (system + 1) / (systems + 1), DAYS);
      await bench.ingest(`host-${system}`, [database]);
    }
    await bench.indexReady();
    const hot = await size(bench, 'hot');
    const perHot = hot.usedBytes / hot.rows;
    const tell = async (tier) => {
      const { rows: held, usedBytes } = await size(bench, tier);
      const each = usedBytes / held;
      sizes.push([batch, tier, usedBytes, Math.round(each), `${((100 * each) / perHot).toFixed(1)} %`]);
    };
    await tell('hot');
    const tellWait = (when, wait) => waits.push([batch, when, ...wait]);
    const searcher = values.searches ? await Searcher.open(bench, tellWait) : undefined;
    const move = async (name, work) => {
      await searcher?.idle(`before ${name}`);
      moves.push([batch, name, ...(await timed(() => searcher?.during(`during ${name}`, work) ?? work()))]);
    };
    await move('hot to warm', () => bench.toWarm(ASOF_WARM, batch));
    await tell('warm');
    await move('warm to cold', () => bench.toCold(ASOF_COLD, batch));
    await tell('cold');
  } finally {
    await bench.close();
  }
}

async function size({ store }, tier) {
  return (await store.countTiers())[tier];
}

/** Of a move that answers how many rows it moved. CPU of this process: DuckDB, the catalog's thread and this one. */
async function timed(move) {
  const cpu = process.cpuUsage();
  const begun = performance.now();
  const moved = await move();
  const seconds = (performance.now() - begun) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const cpuPer10000 = ((user + system) / 1e6 / moved) * 10_000;
  return [moved, seconds.toFixed(2), Math.round(moved / seconds), cpuPer10000.toFixed(2)];
}
