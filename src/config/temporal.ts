import {
  loadClientConfigProfile,
  toClientOptions,
  type ClientConfigProfile,
  type ClientConnectConfig,
} from '@temporalio/envconfig';
import { messageOf } from '../contract/index.js';
import { MASK, type SettingDescription } from './describe.js';
import { settingsInvalid } from './faults.js';
import { given, type Environment } from './host.js';
import type { Settings } from './rules.js';

export interface TemporalConnection {
  /** For `Connection.connect` and for `NativeConnection.connect`. */
  connectionOptions: ClientConnectConfig['connectionOptions'] & { address: string };
  namespace: string;
  /** Whether the environment or a profile names an address. Where not, an agent does without Temporal. */
  configured: boolean;
}

type Inputs = Pick<Settings, 'temporalPort'>;

/**
 * How to reach Temporal, from Temporal's own variables (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_PROFILE`, …)
 * and configuration file. With none, the address is that of the server which `akosha up` starts on this machine.
 *
 * Raises `SettingsInvalid` where the file, the profile or a certificate cannot be read.
 */
export function temporalConnection(settings: Inputs, env: Environment = process.env): TemporalConnection {
  return load(env, (variables) => {
    const profile = loadClientConfigProfile({ overrideEnvVars: variables });
    const { connectionOptions, namespace } = toClientOptions(profile);
    const address = profile.address ?? `127.0.0.1:${settings.temporalPort}`;
    return {
      connectionOptions: { ...connectionOptions, address },
      namespace: namespace ?? 'default',
      configured: profile.address !== undefined,
    };
  });
}

/**
 * What `temporalConnection` finds and where each value came from: `file` is Temporal's configuration file. Safe to print. Raises
 * the same.
 */
export function describeTemporal(settings: Inputs, env: Environment = process.env): SettingDescription[] {
  const { connectionOptions, namespace } = temporalConnection(settings, env);
  const file = load(env, (variables) =>
    loadClientConfigProfile({ overrideEnvVars: variables, disableEnv: true }),
  );
  const { apiKey, tls } = connectionOptions;
  const source = sources(env, file);
  const path = given(env['TEMPORAL_CONFIG_FILE']);
  const row = (
    name: string,
    value: string | null,
    from: Source,
    description: string,
  ): SettingDescription => ({
    name: `temporal_${name}`,
    env: `TEMPORAL_${name.toUpperCase()}`,
    value,
    source: from,
    ...(from === 'file' && path !== undefined ? { file: path } : {}),
    description,
  });
  return [
    row('address', connectionOptions.address, source.address, 'Its frontend.'),
    row('namespace', namespace, source.namespace, 'Where the workflows run.'),
    row('profile', given(env['TEMPORAL_PROFILE']) ?? 'default', source.profile, 'Of its configuration file.'),
    row('config_file', path ?? null, source.configFile, CONFIG_FILE),
    row(
      'tls',
      tls === undefined || tls === false ? 'off' : 'on',
      source.tls,
      'On by itself with an API key.',
    ),
    row('api_key', apiKey === undefined ? null : MASK, source.apiKey, 'Of Temporal Cloud.'),
  ];
}

const CONFIG_FILE = 'By default temporalio/temporal.toml in the user’s configuration folder.';

type Source = SettingDescription['source'];

/** Temporal's own order: a variable wins over the file, for each value by itself. */
function sources(env: Environment, file: ClientConfigProfile) {
  const of = (variable: RegExp, inFile: unknown): Source => {
    if (Object.keys(env).some((name) => variable.test(name) && given(env[name]) !== undefined))
      return 'environment';
    return inFile === undefined ? 'default' : 'file';
  };
  const apiKey = of(/^TEMPORAL_API_KEY$/, file.apiKey);
  const tls = of(/^TEMPORAL_TLS(_|$)/, file.tls);
  return {
    address: of(/^TEMPORAL_ADDRESS$/, file.address),
    namespace: of(/^TEMPORAL_NAMESPACE$/, file.namespace),
    profile: of(/^TEMPORAL_PROFILE$/, undefined),
    configFile: of(/^TEMPORAL_CONFIG_FILE$/, undefined),
    tls: tls === 'default' ? apiKey : tls,
    apiKey,
  };
}

function load<T>(env: Environment, read: (variables: Record<string, string>) => T): T {
  const variables = Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => {
      const text = given(value);
      // An empty header variable has a meaning of its own to Temporal: it takes the profile's header away.
      if (text === undefined && !name.startsWith('TEMPORAL_GRPC_META_')) return [];
      return [[name, text ?? '']];
    }),
  );
  try {
    return read(variables);
  } catch (error) {
    throw settingsInvalid([
      {
        name: 'the connection to Temporal',
        env: 'TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE, TEMPORAL_TLS_…',
        from: 'the environment',
        rule: `cannot be read: ${messageOf(error)}`,
      },
    ]);
  }
}
