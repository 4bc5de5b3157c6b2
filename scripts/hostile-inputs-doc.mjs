// Writes docs/reference/hostile-inputs.md from the catalogue of the tests: `node scripts/hostile-inputs-doc.mjs`.
import { writeFile } from 'node:fs/promises';
import { createViteServer } from 'vitest/node';

// The catalogue is TypeScript, which Node does not run by itself.
const server = await createViteServer({ configFile: false, server: { middlewareMode: true, ws: false } });
try {
  const { renderHostileInputs } = await server.ssrLoadModule('/test/ingest/hostile/table.ts');
  await writeFile(new URL('../docs/reference/hostile-inputs.md', import.meta.url), renderHostileInputs());
} finally {
  await server.close();
}
