import { basename, extname, resolve } from 'node:path';
import { MANIFEST_NAME, RECEIPT_NAME } from '../contract/index.js';
import { LOG_SUFFIXES } from '../reader/index.js';

/** Names that stand for something else beside a file, in the bucket or in the outbox. */
const RESERVED = [MANIFEST_NAME, RECEIPT_NAME, 'upload.json'];

/** Room for a counter within the 255 bytes that file systems and the manifest allow. */
const MAX_NAME = 200;

export interface NamedDatabase {
  path: string;
  /** In the upload: letters, digits, `_`, `.` and `-`; distinct, also where case does not count. */
  name: string;
}

/**
 * Gives each database the name its file has in every upload. The same list gives the same names, whichever of
 * the databases exist; a path listed twice is one database.
 */
export function nameDatabases(paths: readonly string[]): NamedDatabase[] {
  const taken = new Set(RESERVED);
  return [...new Set(paths.map((path) => resolve(path)))].map((path) => {
    const wanted = safeName(basename(path));
    let name = wanted;
    for (let count = 2; taken.has(name.toLowerCase()); count += 1) name = numbered(wanted, count);
    taken.add(name.toLowerCase());
    return { path, name };
  });
}

function safeName(name: string): string {
  const safe = name
    .replace(/[^A-Za-z0-9_.-]/g, '_')
    .replace(/\.{2,}/g, '.')
    // A leading dot hides a file, a leading dash reads as an option.
    .replace(/^[.-]+/, '')
    .slice(-MAX_NAME);
  if (safe === '') return 'database';
  // Beside `x.duckdb` such a name stands for its log.
  return LOG_SUFFIXES.some((suffix) => safe.toLowerCase().endsWith(suffix)) ? `${safe}.duckdb` : safe;
}

function numbered(name: string, count: number): string {
  const extension = extname(name);
  return `${name.slice(0, name.length - extension.length)}-${count}${extension}`;
}
