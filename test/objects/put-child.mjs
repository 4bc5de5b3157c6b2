// Puts a file, to be killed meanwhile: node put-child.mjs URL KEY FILE
import { openObjectStore } from '../../dist/objects/index.js';

const [url, key, file] = process.argv.slice(2);
const store = await openObjectStore(url);
await store.putFile(key, file, { resume: {} });
await store.close();
