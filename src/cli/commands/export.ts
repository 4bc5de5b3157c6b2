import { Option, type Command } from 'commander';
import { KINDS, TIERS } from '../../contract/index.js';
import { readerOptions } from '../../processes/host.js';
import { ReaderPool } from '../../reader/index.js';
import { dirname, resolve } from 'node:path';
import { mkdir } from 'node:fs/promises';
import { ApiClient } from '../api-client.js';
import { EXIT } from '../errors.js';
import { EXPORT_FORMATS, exportSystem, type Exported, type ExportFormat } from '../export/export-system.js';
import type { MemoryFilters } from '../memory-pages.js';
import { print, withJson } from '../output.js';
import { progressLine } from '../progress-line.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';
import { systemIdOf } from '../uploads.js';

interface Options extends SettingOptions, MemoryFilters {
  json?: boolean;
  system: string;
  format: ExportFormat;
  out?: string;
}

/** Named in the answer; enough to see what they have in common. */
const MISMATCHES_SHOWN = 20;

export function define(command: Command): void {
  withJson(withSettings(command))
    .requiredOption('--system <id>', 'whose memories: the id of a system, or its name')
    .addOption(new Option('--format <format>', 'what to write').choices(EXPORT_FORMATS).makeOptionMandatory())
    .option('--out <file>', 'the file; by default <system>.<format> in this folder')
    .addOption(new Option('--kind <kind>', 'only memories of this kind').choices(KINDS))
    .option('--project <name>', 'only memories of this project')
    .option('--since <time>', 'only memories from this time on (ISO 8601)')
    .option('--until <time>', 'only memories before this time (ISO 8601)')
    .addHelpText(
      'after',
      `
Writes the memories of a system, as the server has them in all tiers, to one file; overwrites nothing. duckdb is a database that Session-Buddy opens
and that can be uploaded again; jsonl and parquet have a row for each memory. The content of every memory is read back from the file and compared
with the store's; exit code 1 where one differs, or where there is nothing to export.

Examples:
  akosha export --system laptop-1 --format parquet --out laptop-1.parquet
  akosha export --system laptop-1 --format jsonl --kind reflection --since 2026-01-01`,
    )
    .action(run);
}

async function run({
  json,
  system,
  format,
  out,
  kind,
  project,
  since,
  until,
  ...options
}: Options): Promise<void> {
  const settings = settingsOf(options);
  const api = await ApiClient.open(settings);
  const systemId = systemIdOf(system);
  const file = resolve(out ?? `${systemId}.${format}`);
  await mkdir(dirname(file), { recursive: true });
  // Its jobs come one after the other.
  const reader = new ReaderPool({ size: 1, folder: dirname(file), ...readerOptions(settings) });
  const progress = progressLine(process.stderr);
  try {
    const filters = { kind, project, since, until };
    const exported = await exportSystem(api, reader, {
      systemId,
      format,
      filters,
      file,
      onProgress: progress.show,
    });
    progress.clear();
    if (exported.mismatched.length > 0) process.exitCode = EXIT.failed;
    print(toAnswer({ systemId, format, exported }), json, render);
  } finally {
    progress.clear();
    await reader.close();
  }
}

function toAnswer({
  systemId,
  format,
  exported,
}: {
  systemId: string;
  format: ExportFormat;
  exported: Exported;
}) {
  const { mismatched, restored, memories, ...rest } = exported;
  return {
    success: mismatched.length === 0,
    system_id: systemId,
    format,
    memories,
    ...rest,
    equal: restored,
    mismatched: mismatched.length,
    mismatches: mismatched.slice(0, MISMATCHES_SHOWN),
  };
}

function render(answer: ReturnType<typeof toAnswer>): string {
  const { file, memories, tiers, embeddings, equal, mismatched, mismatches } = answer;
  const lines = [
    `memories exported: ${memories} (${TIERS.map((tier) => `${tier} ${tiers[tier]}`).join(', ')}); with their content as in the store: ${equal}`,
    `vectors: ${embeddings.exact} exact, ${embeddings.rounded} rounded, ${embeddings.none} none`,
    file,
  ];
  if (mismatched > 0)
    lines.push(
      `${mismatched} differ from the store: ${mismatches.join(', ')}${mismatched > mismatches.length ? ', …' : ''}`,
    );
  return lines.join('\n');
}
