import { InvalidArgumentError, type Command } from 'commander';
import type { Rebuilt, RebuildProgress } from '../../maintenance/index.js';
import { runRebuild } from '../../processes/rebuild.js';
import { count, print, withJson } from '../output.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';

interface Options extends SettingOptions {
  json?: boolean;
  deadSince?: number;
  skipDamaged?: boolean;
}

export function define(command: Command): void {
  withJson(withSettings(command))
    .option(
      '--dead-since <time>',
      'since when the old server is certainly dead, ISO 8601; by default since the rebuild was begun',
      instant,
    )
    .option('--skip-damaged', 'leave out objects whose bytes are not what was written, and name them')
    .addHelpText(
      'after',
      `
Makes the store of the data folder anew from object storage alone. The server that had it must be dead, and for longest_request_seconds and
longest_search_seconds after its death nothing is read, because what it sent may still arrive. A rebuild that was interrupted goes on where
it was. Uploads that had no receipt are ingested by the server when it starts.

Examples:
  akosha rebuild
  akosha rebuild --dead-since 2026-11-22T09:00:00Z --json`,
    )
    .action(run);
}

function instant(text: string): number {
  const ms = Date.parse(text);
  if (Number.isFinite(ms) && ms <= Date.now()) return ms;
  throw new InvalidArgumentError('It must be a time in the past, such as 2026-11-22T09:00:00Z.');
}

async function run(options: Options): Promise<void> {
  const settings = settingsOf(options);
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  const progress = tellProgress();
  try {
    const rebuilt = await runRebuild(settings, {
      oldServerDeadSince: options.deadSince ?? null,
      skipDamaged: options.skipDamaged === true,
      onProgress: progress,
      onDamaged: (key) => console.error(`rebuild: ${key} is damaged, and passed over`),
      signal: stopping.signal,
    });
    print(toAnswer(rebuilt), options.json, render);
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
  }
}

/** Lines on stderr, where they are in nobody's way; one for each step, and one of a step under way each so often. */
const TELL_MS = 5_000;

function tellProgress(): (progress: RebuildProgress) => void {
  let told: { step: string; at: number } | undefined;
  return ({ step, done, total }) => {
    const now = Date.now();
    if (told?.step === step && now - told.at < TELL_MS) return;
    told = { step, at: now };
    console.error(`rebuild: ${step} ${done}${total === null ? '' : ` of ${total}`}`);
  };
}

function toAnswer({ ms, waitedMs, ...rebuilt }: Rebuilt) {
  return {
    ...rebuilt,
    seconds: ms / 1000,
    waited_seconds: waitedMs / 1000,
    rows_per_second: Math.round(rebuilt.rows / Math.max(ms / 1000, 0.001)),
  };
}

function render(answer: ReturnType<typeof toAnswer>): string {
  const lines = [
    `rebuilt in ${answer.seconds.toFixed(1)} s, after a wait of ${answer.waited_seconds.toFixed(0)} s: ${count(answer.memories, 'memory', 'memories')}`,
    `objects read: ${answer.journals} of the journal, ${answer.cold} cold; ${answer.ignored} left to the ingest of their uploads`,
    `ledger: ${count(answer.uploads, 'upload')}, of which ${answer.pending} are ingested when the server starts; ${count(answer.tombstones, 'tombstone')}`,
    ...answer.damaged.map((name) => `damaged and left out: ${name}`),
  ];
  return lines.join('\n');
}
