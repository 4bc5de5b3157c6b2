import { AkoshaError, messageOf } from '../contract/index.js';
import type { CheckPatternsJob } from './messages.js';
import { quoteText, withSandbox } from './sandbox.js';

/** A pattern is compiled, which takes next to nothing. */
const LIMITS = { memoryLimitMb: 64, maxSpillBytes: 0 };

/**
 * Has DuckDB compile each pattern, as a snapshot would: a list of what RE2 takes, kept here, would one day be another. Raises
 * `SettingsInvalid`.
 */
export async function checkPatterns({ patterns, work }: CheckPatternsJob): Promise<void> {
  await withSandbox({ folder: work, ...LIMITS }, async (connection) => {
    for (const pattern of patterns) {
      try {
        await connection.run(`SELECT regexp_matches('', ${quoteText(pattern)})`);
      } catch (error) {
        throw new AkoshaError(
          'SettingsInvalid',
          `exclude_patterns (AKOSHA_EXCLUDE_PATTERNS): ${JSON.stringify(pattern)} is not a regular expression in RE2's syntax: ` +
            messageOf(error),
          { cause: error },
        );
      }
    }
  });
}
