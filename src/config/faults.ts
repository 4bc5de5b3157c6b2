import { AkoshaError } from '../contract/index.js';

/** One thing wrong with the settings. */
export interface SettingFault {
  /** As in the settings file. */
  name: string;
  /** Its environment variable; absent where no such setting exists. */
  env?: string;
  /** Where the bad value came from: the environment, a file's path, a flag, or the default. */
  from: string;
  /** A sentence without its subject: "must be …". */
  rule: string;
}

/** All faults in one error, so that a person corrects them in one go. */
export function settingsInvalid(faults: readonly SettingFault[]): AkoshaError {
  const lines = faults.map(({ name, env, from, rule }) => {
    const subject = env === undefined ? name : `${name} (${env})`;
    return `  ${subject}: ${rule} [from ${from}]`;
  });
  const count = faults.length === 1 ? '1 setting is' : `${faults.length} settings are`;
  return new AkoshaError('SettingsInvalid', [`${count} invalid:`, ...lines].join('\n'), {
    details: { faults: faults.map((fault) => ({ ...fault })) },
  });
}
