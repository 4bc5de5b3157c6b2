import type { Command } from 'commander';
import {
  describeSettings,
  describeTemporal,
  readSettings,
  temporalConnection,
  type LoadedSettings,
  type SettingDescription,
} from '../../config/index.js';
import { findRunning, type RunningProgram } from '../../runtime/index.js';
import { knownSystemId } from '../../upload/index.js';
import { print, table, withJson } from '../output.js';
import { withSettings, type SettingOptions } from '../settings.js';

/** A value that commands go by; `running` where the program that runs on the data folder decides. */
type Effective = Omit<SettingDescription, 'source'> & { source: SettingDescription['source'] | 'running' };

export function define(command: Command): void {
  withJson(withSettings(command))
    .addHelpText(
      'after',
      `
Each line: name, value, where it came from, variable. "running" is the program that runs on the data folder: it may have started an object
store (\`akosha up --s3\`) or Temporal itself, and the other commands go by what it uses.

Examples:
  akosha config
  AKOSHA_PORT=9000 akosha config --json`,
    )
    .action(run);
}

async function run(options: SettingOptions & { json?: boolean }): Promise<void> {
  const loaded = readSettings({
    ...(options.config === undefined ? {} : { configPath: options.config }),
    ...(options.dataDir === undefined ? {} : { overrides: { dataDir: options.dataDir } }),
  });
  for (const warning of loaded.warnings) console.error(`akosha: ${warning}`);
  const running = await findRunning(loaded.settings.dataDir);
  const answer = {
    settings: withRunning(describeSettings(loaded), running && storesOf(running)),
    temporal: withRunning(describeTemporal(loaded.settings), running && temporalOf(loaded, running)),
    // What a name becomes in keys, workflow ids and task queues.
    system_id: running?.system_id ?? (await knownSystemId(loaded.settings.systemId, loaded.settings.dataDir)),
    file: loaded.file ?? null,
    running:
      running === undefined ? null : { pid: running.pid, roles: running.roles, api_url: running.api_url },
  };
  print(answer, options.json, ({ settings, temporal, system_id: id }) =>
    table(
      [...settings, ...temporal].map(({ name, value, source, file, env }) => [
        name,
        name === 'system_id' && id !== null && id !== value ? `${shown(value)} (id ${id})` : shown(value),
        file ?? source,
        env,
      ]),
    ),
  );
}

function storesOf({ object_store, archive_store }: RunningProgram): Record<string, string | null> {
  return { object_store, archive_store };
}

/** As `openTemporal` has it: an address that the environment or a profile names wins. */
function temporalOf({ settings }: LoadedSettings, running: RunningProgram): Record<string, string | null> {
  if (temporalConnection(settings).configured) return {};
  return { temporal_address: running.temporal_address, temporal_namespace: running.temporal_namespace };
}

function withRunning(
  described: readonly SettingDescription[],
  running: Readonly<Record<string, string | null>> = {},
): Effective[] {
  return described.map((setting) => {
    const value = running[setting.name] ?? setting.value;
    if (value === setting.value) return setting;
    const { file: _, ...rest } = setting;
    return { ...rest, value, source: 'running' };
  });
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return '-';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
