// Node's hook for `loaded-modules.mjs`: writes each module that is imported to a file, a line each.
import { appendFileSync } from 'node:fs';

let file;

export function initialize(given) {
  file = given;
}

export function load(url, context, nextLoad) {
  appendFileSync(file, `${url}\n`);
  return nextLoad(url, context);
}
