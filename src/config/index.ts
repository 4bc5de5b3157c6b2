export { hostIn, isLoopback } from './addresses.js';
export { clockFrom } from './clock.js';
export { detailsOf, SETTING_KEYS, type SettingKey } from './definitions.js';
export { GROUPS, type SettingDetails, type SettingGroup } from './details.js';
export { describeSettings, secretValues, type SettingDescription } from './describe.js';
export type { SettingFault } from './faults.js';
export type { Environment } from './host.js';
export {
  loadSettings,
  readSettings,
  type LoadedSettings,
  type LoadOptions,
  type SettingSource,
} from './load.js';
export { environmentName, fileName, flagName } from './names.js';
export { renderSettingsDoc } from './reference.js';
export type { Settings } from './rules.js';
export { requireServable } from './servable.js';
export { zonesBySystem } from './system-zones.js';
export { describeTemporal, temporalConnection, type TemporalConnection } from './temporal.js';
