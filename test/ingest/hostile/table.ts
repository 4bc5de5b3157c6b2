import { HTTP, OBJECT_NAMES, UPLOADS } from './catalogue.js';
import type { HostileName, HostileRequest, UploadGets } from './input.js';

const COUNT = Object.values(UPLOADS).flat().length + OBJECT_NAMES.length + HTTP.length;

const HEAD = `# Hostile inputs

<!-- Written by scripts/hostile-inputs-doc.mjs from the catalogue in test/ingest/hostile: change it there. -->

What the server gets from outside is not trusted. These ${COUNT} inputs are made by a test, which gives each to a real server side (store, reader
processes, HTTP) and finds that it gets what is said here, that its system's next upload goes in, that nothing is tried for ever, that nothing
outside of the server's own folders was read or written, and that the server's memory is what it was. Every run of the tests gives it a quarter of
the files, and all manifests, names and requests; with \`AKOSHA_TEST_HOSTILE=all\` all of them.

*Quarantined* uploads wait for a person (\`akosha quarantine list\`); the text is a part of the reason. Rows are *refused* one by one where they
lack an id or a text within the bounds: 1 to 1,024 characters without a NUL, and up to 16 MiB. The limit on bytes is \`AKOSHA_UPLOAD_MAX_MB\`.
`;

/** The reference of all hostile inputs as Markdown. */
export function renderHostileInputs(): string {
  const uploads = Object.entries(UPLOADS).map(([title, inputs]) =>
    section(
      title,
      inputs.map(({ name, what, gets }) => [name, what, uploadText(gets)]),
    ),
  );
  const names = section(
    'Names of objects',
    OBJECT_NAMES.map(({ name, what, gets }) => [name, what, nameText(gets)]),
  );
  const requests = section(
    'HTTP and MCP',
    HTTP.map(({ name, what, gets }) => [name, what, requestText(gets)]),
  );
  return [HEAD, ...uploads, names, requests].join('\n');
}

function section(title: string, rows: readonly (readonly string[])[]): string {
  const lines = rows.map((cells) => `| ${cells.map(cell).join(' | ')} |`);
  return [
    `## ${title}`,
    '',
    '| input | what it is | what it gets |',
    '| --- | --- | --- |',
    ...lines,
    '',
  ].join('\n');
}

function cell(text: string): string {
  return text.replace(/[\\|<>*_]/g, '\\$&').replace(/\p{Cc}/gu, ' ');
}

function uploadText(gets: UploadGets): string {
  if ('quarantined' in gets) return `quarantined: ${gets.quarantined}`;
  const { rows, refused = 0 } = gets;
  return `${rows} ${rows === 1 ? 'row' : 'rows'}${refused === 0 ? '' : `, ${refused} refused`}`;
}

function nameText(gets: HostileName['gets']): string {
  if ('skipped' in gets) return 'passed over and counted';
  return 'system' in gets ? 'taken for a system with an id of its own' : 'no upload';
}

function requestText({ status, says }: HostileRequest['gets']): string {
  return says === undefined ? String(status) : `${status}: ${says}`;
}
