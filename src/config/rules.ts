import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { z } from 'zod';
import { SETTING_SHAPES } from './definitions.js';

const TIER_AGES = SETTING_SHAPES.pick({ hotDays: true, warmDays: true });
const SHUTDOWN_TIMES = SETTING_SHAPES.pick({ shutdownGraceSeconds: true, shutdownForceSeconds: true });
const SEARCH_TIMES = SETTING_SHAPES.pick({ searchTimeoutSeconds: true, longestSearchSeconds: true });
const LEASE_TIMES = SETTING_SHAPES.pick({ operationLeaseSeconds: true, longestRequestSeconds: true });

/** Each rule runs as soon as its own settings are right, so that no fault of another hides it. */
function ifValid(rule: z.ZodType): (payload: { value: unknown }) => boolean {
  return ({ value }) => rule.safeParse(value).success;
}

/** The whole: every setting, the rules between settings, and those that follow from others. */
export const SETTINGS = SETTING_SHAPES.refine((s) => s.warmDays > s.hotDays, {
  path: ['warmDays'],
  message: 'must exceed hot_days (AKOSHA_HOT_DAYS)',
  when: ifValid(TIER_AGES),
})
  .refine((s) => s.shutdownForceSeconds > s.shutdownGraceSeconds, {
    path: ['shutdownForceSeconds'],
    message: 'must exceed shutdown_grace_seconds (AKOSHA_SHUTDOWN_GRACE_SECONDS)',
    when: ifValid(SHUTDOWN_TIMES),
  })
  .refine((s) => s.searchTimeoutSeconds <= s.longestSearchSeconds, {
    path: ['searchTimeoutSeconds'],
    message:
      'must not exceed longest_search_seconds (AKOSHA_LONGEST_SEARCH_SECONDS), on which the sweep relies',
    when: ifValid(SEARCH_TIMES),
  })
  .refine((s) => s.operationLeaseSeconds > s.longestRequestSeconds, {
    path: ['operationLeaseSeconds'],
    message: 'must exceed longest_request_seconds (AKOSHA_LONGEST_REQUEST_SECONDS)',
    when: ifValid(LEASE_TIMES),
  })
  .transform((s) => {
    const objectStore = s.objectStore ?? pathToFileURL(join(s.dataDir, 'objects')).href;
    return { ...s, objectStore, archiveStore: s.archiveStore ?? objectStore };
  });

/** All settings of a process, in effect: a plain object. Durations and sizes have their unit in the name. */
export type Settings = Readonly<z.output<typeof SETTINGS>>;
