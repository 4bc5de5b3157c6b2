import { ours, type HostileUpload } from './input.js';
import { says, withField, withFile } from './manifest-changes.js';

const WRONG_TYPES: Readonly<Record<string, unknown>> = {
  null: null,
  'a number': 7,
  'a text': 'x',
  'an object': {},
  true: true,
};

/** Fields of ours with values of other types, as many as there are. */
export const TYPES_OF_OURS: readonly HostileUpload[] = (
  [
    ['format_version', ['null', 'a text', 'an object']],
    ['upload_id', ['null', 'a number']],
    ['system_id', ['null', 'an object']],
    ['timestamp', ['null', 'a number', 'a text']],
    ['order', ['null', 'a text', 'true']],
    ['previous_order', ['a text', 'an object']],
    ['time_zone', ['null', 'a number', 'a text']],
    ['partial', ['a text', 'a number']],
    ['files', ['null', 'a text', 'an object']],
    ['omitted', ['null', 'a text']],
    ['metadata', ['null', 'a text']],
  ] as const
).flatMap(([field, types]) =>
  types.map((type) =>
    ours(
      `${field}: ${type}`,
      `a manifest of ours in which ${field} is ${type === 'a text' ? 'the text x' : type}`,
      says(field === 'upload_id' || field === 'system_id' ? field : `${field}: `),
      withField(field, WRONG_TYPES[type]),
    ),
  ),
);

const NAMES: Readonly<Record<string, string>> = {
  'with ..': '../../../../etc/passwd',
  'that is absolute': '/etc/passwd',
  'with a backslash': '..\\..\\canary',
  'with NUL': 'reflection.duckdb\0.txt',
  'that is URL-encoded': '%2e%2e%2fcanary',
  'with a drive': 'C:reflection.duckdb',
  'with a scheme': 'file:///etc/passwd',
  'of two dots': '..',
  'with a line break': 'a\nb',
  'of another direction': 'reflection\u202ebdkcud',
  'in full-width letters': '\uff0e\uff0e\uff0fcanary',
  'that is empty': '',
  'that is too long': 'x'.repeat(256),
  'with a blank': 'my reflection.duckdb',
};

const MISSING: Readonly<Record<string, string>> = {
  'of one dot': '.',
  'reserved in Windows': 'CON',
  'that is the manifest itself': 'manifest.json',
  'that is missing': 'gone.duckdb',
  'in other letters': 'REFLECTION.DUCKDB',
  'that begins with -': '-rf',
};

export const FILE_FIELDS: readonly HostileUpload[] = (
  [
    ['size_bytes', -1],
    ['size_bytes', 1.5],
    ['size_bytes', 2 ** 53],
    ['size_bytes', '780'],
    ['raw_size_bytes', -1],
    ['raw_size_bytes', null],
    ['checksum', 'x'],
    ['checksum', 'A'.repeat(64)],
    ['raw_checksum', 7],
    ['compression', 'zstd'],
    ['rows', { conversation: -1 }],
    ['rows', { conversations: 2 }],
    ['rows', []],
    ['reader', 'x'.repeat(201)],
    ['flags', Array<string>(101).fill('x')],
    ['flags', [7]],
    ['excluded', { conversation: 0.5 }],
    ['rows_digest', 'x'],
    ['path', 7],
  ] as const
).map(([field, value]) => {
  const shown = JSON.stringify(value);
  return ours(
    `file: ${field} ${shown.length > 30 ? `${shown.slice(0, 12)}… (${shown.length})` : shown}`,
    'a field of a file that breaks its rule',
    says(`files.0.${field}`),
    withFile({ [field]: value }),
  );
});

export const MISMATCHES: readonly HostileUpload[] = (
  [
    ['size_bytes', 1, 'takes no more than 1'],
    ['size_bytes', 10_000_000_000, 'stored bytes'],
    ['checksum', 'a'.repeat(64), 'SHA-256 of the stored bytes'],
    ['raw_size_bytes', 1, 'raw bytes'],
    ['raw_checksum', 'a'.repeat(64), 'SHA-256 of the raw bytes'],
    ['rows', { conversation: 3 }, 'conversation rows'],
    ['rows', { reflection: 1 }, 'reflection rows'],
  ] as const
).map(([field, value, rule]) =>
  ours(
    `wrong ${field}: ${JSON.stringify(value).slice(0, 20)}`,
    'the manifest says of its file what is not so',
    says(rule),
    withFile({ [field]: value }),
  ),
);

export const FILE_NAMES: readonly HostileUpload[] = [
  ...Object.entries(NAMES).map(([which, name]) =>
    ours(`file name ${which}`, 'a name that would lead elsewhere', says('files.0.name'), withFile({ name })),
  ),
  ...Object.entries(MISSING).map(([which, name]) =>
    ours(
      `file name ${which}`,
      'a name that breaks no rule, of no file of the upload',
      which === 'of one dot'
        ? says('files.0.name')
        : says(which === 'that is the manifest itself' ? 'manifest.json' : 'is missing'),
      withFile({ name }),
    ),
  ),
];
