// A host program that keeps writing: `node writer.mjs <database>`. One row per transaction, numbered from 0, and a
// checkpoint about five times a second, in a file large enough that a copy of it often meets one. Prints how many rows are
// committed. Runs until it is killed.
import { DuckDBInstance } from '@duckdb/node-api';

const CHECKPOINT_EVERY_MS = 200;

const instance = await DuckDBInstance.create(process.argv[2]);
const connection = await instance.connect();
await connection.run(`SET force_compression = 'uncompressed'`);
await connection.run(`CREATE TABLE ballast AS SELECT repeat('x', 1000) AS text FROM range(30000)`);
await connection.run(
  'CREATE TABLE conversations_v2(id VARCHAR PRIMARY KEY, content VARCHAR, number INTEGER)',
);
await connection.run('CHECKPOINT');
let checkpointed = Date.now();
for (let number = 0; ; number += 1) {
  await connection.run(`INSERT INTO conversations_v2 VALUES ('${number}', repeat('text ', 400), ${number})`);
  process.stdout.write(`${number + 1}\n`);
  if (Date.now() - checkpointed < CHECKPOINT_EVERY_MS) continue;
  await connection.run('CHECKPOINT');
  checkpointed = Date.now();
}
