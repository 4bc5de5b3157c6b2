// Sets the checkout up and runs the tests: `npm test`, `npm test -- test/servers -t adopt`.
import { spawn } from 'node:child_process';
import { runScript, setup } from './setup.mjs';

await runScript(async () => {
  // Vite, which the test runner is built on, needs more than the program does. Nothing is skipped for a missing tool.
  const servers = ['temporal', 'weed', 'model', 'duckdb'];
  // Without promtool the tests of the alerts fail and say so, and the others run.
  await setup({ require: servers, tools: [...servers, 'promtool'], node: '20.19.0' });
  const args = ['node_modules/vitest/vitest.mjs', 'run', ...process.argv.slice(2)];
  const child = spawn(process.execPath, args, { stdio: 'inherit' });
  process.exitCode = await new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
});
