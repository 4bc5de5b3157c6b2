import { original, type HostileUpload } from './input.js';
import { says, SOUND, withField } from './manifest-changes.js';

/** Of the original dialect. */
export const ORIGINAL_MANIFESTS: readonly HostileUpload[] = [
  original(
    'original: no upload_id',
    'the other dialect without a field',
    says('upload_id: '),
    ({ upload_id: _gone, ...rest }) => rest,
  ),
  original(
    'original: no files',
    'the other dialect without a field',
    says('files: '),
    ({ files: _gone, ...rest }) => rest,
  ),
  original('original: empty files', 'an upload of nothing', says('lists no files'), withField('files', [])),
  original(
    'original: files as texts',
    'as the original server wanted them',
    says('files.0'),
    withField('files', ['reflection.duckdb']),
  ),
  original(
    'original: timestamp without a zone',
    'another instant on every machine',
    says('timestamp: '),
    withField('timestamp', '2026-11-22T10:00:00'),
  ),
  original(
    'original: file name with ..',
    'a name that would lead elsewhere',
    says('files.0.name'),
    withField('files', [{ name: '../../receipt.json' }]),
  ),
  original(
    'original: negative size',
    'a size that is none',
    says('files.0.size_bytes'),
    withField('files', [{ name: 'reflection.duckdb', size_bytes: -1 }]),
  ),
  original(
    'original: wrong size',
    'a size that is another’s',
    says('takes no more than 7'),
    withField('files', [{ name: 'reflection.duckdb', size_bytes: 7 }]),
  ),
  original(
    'original: wrong checksum',
    'a checksum that is another’s',
    says('SHA-256'),
    withField('files', [{ name: 'reflection.duckdb', checksum: 'a'.repeat(64) }]),
  ),
  original(
    'original: unknown compression',
    'what no host writes',
    says('files.0.compression'),
    withField('files', [{ name: 'reflection.duckdb', compression: 'rar' }]),
  ),
  original(
    'original: metadata as a text',
    'a field of another type',
    says('metadata: '),
    withField('metadata', 'x'),
  ),
  original('original: prototype keys', 'names that JavaScript’s objects have', SOUND, (manifest) =>
    JSON.stringify(manifest).replace('{', '{"__proto__":{"format_version":1},"constructor":{},'),
  ),
  original(
    'original: another system',
    'the folder says otherwise',
    says('names upload'),
    withField('system_id', '../other'),
  ),
  {
    ...original(
      'original: an id without a time',
      'its place in the order cannot be told',
      says('must begin with a time'),
      (m) => m,
    ),
    uploadId: 'no-time',
  },
  {
    ...original(
      'original: an id on 30 February',
      'a day that no calendar has',
      says('must begin with a time'),
      (m) => m,
    ),
    uploadId: '20260230_101010_x',
  },
];
