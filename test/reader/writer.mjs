// A host program that writes and checkpoints without pause: `node writer.mjs <database>`. One row per transaction, numbered from 0, its
// content made of its number, and a checkpoint after so many rows. The file is large enough that a copy of it often meets a
// checkpoint. Prints how many rows are committed and how many checkpoints done. Runs until it is killed.
import { DuckDBInstance } from '@duckdb/node-api';

/** A fifth of a second's worth: a copy takes a tenth of that. */
const ROWS_PER_CHECKPOINT = 100;

const instance = await DuckDBInstance.create(process.argv[2]);
const connection = await instance.connect();
await connection.run(`SET force_compression = 'uncompressed'`);
await connection.run(`CREATE TABLE ballast AS SELECT repeat('x', 1000) AS text FROM range(10000)`);
await connection.run(
  'CREATE TABLE conversations_v2(id VARCHAR PRIMARY KEY, content VARCHAR, number INTEGER)',
);
await connection.run('CHECKPOINT');
let checkpoints = 1;
for (let number = 0; ; number += 1) {
  await connection.run(
    `INSERT INTO conversations_v2 VALUES ('${number}', repeat('${number} ', 5), ${number})`,
  );
  if ((number + 1) % ROWS_PER_CHECKPOINT === 0) {
    await connection.run('CHECKPOINT');
    checkpoints += 1;
  }
  process.stdout.write(`${number + 1} ${checkpoints}\n`);
}
