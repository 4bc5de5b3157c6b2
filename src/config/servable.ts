import { isLoopback } from './addresses.js';
import { settingsInvalid } from './faults.js';
import type { Settings } from './rules.js';

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
