import type { Command } from 'commander';
import { detailsOf, environmentName, readSettings, SETTING_KEYS, type Settings } from '../../config/index.js';
import { akoshaWords } from '../command-line.js';
import { installService, removeService, serviceManager, type ServiceChange } from '../install/service.js';
import { print, withJson } from '../output.js';
import { withSettings, type SettingOptions } from '../settings.js';

interface Options extends SettingOptions {
  json?: boolean;
  start: boolean;
}

/** `akosha agent install` and `akosha agent uninstall`. */
export function defineAgentService(command: Command): void {
  withJson(
    withSettings(command.command('install').description('make the agent a service of systemd or launchd')),
  )
    .option('--no-start', 'write the file of the service and do not start it')
    .addHelpText(
      'after',
      `
The service belongs to you, not to the system. It gets the data folder, the settings file and the settings that stand in this environment, but no
secrets: those belong into the settings file, and credentials for the object store into the AWS files.

Examples:
  akosha agent install
  akosha agent install --no-start --json`,
    )
    .action((options: Options, self: Command) => install({ ...self.optsWithGlobals<Options>(), ...options }));
  withJson(command.command('uninstall').description('stop that service and remove it')).action(
    async (options: { json?: boolean }, self: Command) => {
      const { json } = { ...self.optsWithGlobals<Options>(), ...options };
      print(
        await removeService(serviceManager()),
        json,
        ({ manager, file }) => `removed from ${manager}: ${file}`,
      );
    },
  );
}

async function install({ config, dataDir, json, start }: Options): Promise<void> {
  const { settings, file } = readSettings({
    ...(config === undefined ? {} : { configPath: config }),
    ...(dataDir === undefined ? {} : { overrides: { dataDir } }),
  });
  const args = ['agent', '--data-dir', settings.dataDir, ...(file === undefined ? [] : ['--config', file])];
  const command = { words: akoshaWords(...args), environment: environmentOf(settings) };
  print(await installService(serviceManager(), command, start), json, render);
}

/** What other programs' settings the agent reads, none of them secret. */
const PASSED_ON = [
  'TEMPORAL_ADDRESS',
  'TEMPORAL_NAMESPACE',
  'TEMPORAL_PROFILE',
  'TEMPORAL_CONFIG_FILE',
  'AWS_PROFILE',
  'AWS_REGION',
  'AWS_CONFIG_FILE',
  'AWS_SHARED_CREDENTIALS_FILE',
];

/** The settings that come from this environment. A service starts elsewhere, so relative paths are written in full. */
function environmentOf(settings: Settings): Record<string, string> {
  const own = SETTING_KEYS.filter((key) => detailsOf(key).secret !== true).map((key) => {
    const name = environmentName(key);
    const value = settings[key];
    const isPath = detailsOf(key).paths !== undefined;
    return [name, isPath && value !== undefined ? String(value) : process.env[name]] as const;
  });
  const others = PASSED_ON.map((name) => [name, process.env[name]] as const);
  const given = [...own, ...others].filter(([name]) => (process.env[name] ?? '') !== '');
  return Object.fromEntries(given.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

function render({ manager, file, started }: ServiceChange): string {
  return started ? `runs as a service of ${manager}: ${file}` : `written: ${file}`;
}
