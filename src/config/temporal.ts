import { loadClientConfigProfile, toClientOptions, type ClientConnectConfig } from '@temporalio/envconfig';
import { messageOf } from '../contract/index.js';
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

/**
 * How to reach Temporal, from Temporal's own variables (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_PROFILE`, …)
 * and configuration file. With none, the address is that of the server which `akosha up` starts on this machine.
 *
 * Raises `SettingsInvalid` where the file, the profile or a certificate cannot be read.
 */
export function temporalConnection(
  settings: Pick<Settings, 'temporalPort'>,
  env: Environment = process.env,
): TemporalConnection {
  const variables = Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => {
      const text = given(value);
      // An empty header variable has a meaning of its own to Temporal: it takes the profile's header away.
      if (text === undefined && !name.startsWith('TEMPORAL_GRPC_META_')) return [];
      return [[name, text ?? '']];
    }),
  );
  try {
    const profile = loadClientConfigProfile({ overrideEnvVars: variables });
    const { connectionOptions, namespace } = toClientOptions(profile);
    const address = profile.address ?? `127.0.0.1:${settings.temporalPort}`;
    return {
      connectionOptions: { ...connectionOptions, address },
      namespace: namespace ?? 'default',
      configured: profile.address !== undefined,
    };
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
