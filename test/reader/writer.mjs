// A host program that keeps writing: `node writer.mjs <database>`. One row per transaction, numbered from 0, a checkpoint
// after every 150. Prints how many rows are committed. Runs until it is killed.
import { DuckDBInstance } from '@duckdb/node-api';

const instance = await DuckDBInstance.create(process.argv[2]);
const connection = await instance.connect();
await connection.run(
  'CREATE TABLE IF NOT EXISTS conversations_v2(id VARCHAR PRIMARY KEY, content VARCHAR, number INTEGER)',
);
for (let number = 0; ; number += 1) {
  await connection.run(`INSERT INTO conversations_v2 VALUES ('${number}', repeat('text ', 400), ${number})`);
  if (number % 150 === 149) await connection.run('CHECKPOINT');
  process.stdout.write(`${number + 1}\n`);
}
