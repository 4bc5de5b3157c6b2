// Assembles src/store/embedded/vector-index/dot-product.wat: `node scripts/assemble-wasm.mjs` writes dot-product-module.ts beside it, which
// is source text so that the module is there in whatever way the program is built or bundled; `... FILE` writes another file.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import initWabt from 'wabt';

const folder = new URL('../src/store/embedded/vector-index/', import.meta.url);
const [target = fileURLToPath(new URL('dot-product-module.ts', folder))] = process.argv.slice(2);

const wabt = await initWabt();
const module = wabt.parseWat('dot-product.wat', await readFile(new URL('dot-product.wat', folder), 'utf8'), {
  simd: true,
});
module.validate();
const bytes = Buffer.from(module.toBinary({}).buffer);

await writeFile(
  target,
  `/** dot-product.wat, assembled by scripts/assemble-wasm.mjs; a test compares the two. */
export const DOT_PRODUCT = Buffer.from(
  '${bytes.toString('base64')}',
  'base64',
);
`,
);
