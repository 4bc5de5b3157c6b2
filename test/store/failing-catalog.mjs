// `node failing-catalog.mjs <file>`: opens a catalog while the archive does not answer, prints why that failed, and ends if nothing holds it.
import { Catalog } from '../../dist/store/embedded/catalog/catalog.js';

await Catalog.open(process.argv[2], () => Promise.reject(new Error('the archive does not answer'))).catch(
  (error) => process.stdout.write(error.message),
);
