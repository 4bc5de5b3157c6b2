import { KINDS, type Kind } from '../contract/index.js';
import type { Manifest, UploadedFile } from '../memory/index.js';
import type { DatabaseContents, UploadContents } from './outbox/contents.js';

/** What the outbox remembers of an upload's databases. */
export function contentsOf(manifest: Manifest): UploadContents {
  return {
    timeZone: manifest.timeZone ?? '',
    databases: [
      ...manifest.files.map((file) => ({
        name: file.name,
        ...comparable(file),
        uploadId: manifest.uploadId,
      })),
      ...manifest.unchanged.map(({ name, rowsDigest, rows, uploadId }) => ({
        name,
        digest: rowsDigest,
        rows,
        uploadId,
      })),
    ],
    omitted: manifest.omitted.map(({ name, kinds }) => ({ name, kinds: kinds === null ? null : [...kinds] })),
  };
}

/** Of a file that could not be read, or not to its end, the bytes are all that can be compared. */
function comparable({
  flags,
  rowsDigest,
  rawSha256,
  rows,
}: UploadedFile): Pick<DatabaseContents, 'digest' | 'rows'> {
  if (flags.length > 0 || rowsDigest === null) return { digest: `raw:${rawSha256 ?? ''}`, rows: null };
  return { digest: rowsDigest, rows };
}

/** Rows of all databases, by kind. */
export function rowsIn(contents: Pick<UploadContents, 'databases'>): Partial<Record<Kind, number>> {
  const rows: Partial<Record<Kind, number>> = {};
  for (const database of contents.databases) {
    for (const [kind, count] of entriesOf(database.rows ?? {})) rows[kind] = (rows[kind] ?? 0) + count;
  }
  return rows;
}

/** The kinds a database may hold; null: any. */
export function kindsOf(rows: Readonly<Partial<Record<Kind, number>>> | null): Kind[] | null {
  return rows === null ? null : entriesOf(rows).map(([kind]) => kind);
}

function entriesOf(rows: Readonly<Partial<Record<Kind, number>>>): [Kind, number][] {
  return KINDS.flatMap((kind) => {
    const count = rows[kind];
    return count === undefined ? [] : [[kind, count] satisfies [Kind, number]];
  });
}
