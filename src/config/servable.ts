import { BlockList, isIP } from 'node:net';
import { settingsInvalid } from './faults.js';
import type { Settings } from './rules.js';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** A host name other than `localhost` counts as reachable: what it resolves to can change under a running server. */
function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return host.toLowerCase() === 'localhost';
  return LOOPBACK.check(host, family === 4 ? 'ipv4' : 'ipv6');
}

/**
 * Raises `SettingsInvalid` where the HTTP server would be reachable from other machines without a token. Asked only by a
 * process that serves: an agent with the same settings opens no port.
 */
export function requireServable(settings: Pick<Settings, 'host' | 'apiToken'>): void {
  if (settings.apiToken !== undefined || isLoopback(settings.host)) return;
  throw settingsInvalid([
    {
      name: 'api_token',
      env: 'AKOSHA_API_TOKEN',
      from: 'the default',
      rule: `must be set, because host (AKOSHA_HOST) is ${settings.host}, which other machines can reach; set it or set host to 127.0.0.1`,
    },
  ]);
}
