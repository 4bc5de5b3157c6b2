// Runs promtool, wherever it is: `node scripts/promtool.mjs test rules deploy/prometheus/akosha.rules.test.yml`.
import { providePromtool } from './setup/promtool.mjs';
import { run } from './setup/shell.mjs';
import { runScript } from './setup.mjs';

await runScript(async () => {
  process.stdout.write(await run(await providePromtool(), process.argv.slice(2)));
});
