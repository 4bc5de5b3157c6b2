import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { z } from 'zod';
import { SETTING_SHAPES } from './definitions.js';
import { configuredObjectStore, isExposed, sendsToObjectStore } from './upload-rules.js';

const TIER_AGES = SETTING_SHAPES.pick({ hotDays: true, warmDays: true });
const KEPT_AGES = SETTING_SHAPES.pick({ warmDays: true, coldRetentionDays: true });
const SHUTDOWN_TIMES = SETTING_SHAPES.pick({ shutdownGraceSeconds: true, shutdownForceSeconds: true });
const SEARCH_TIMES = SETTING_SHAPES.pick({ searchTimeoutSeconds: true, longestSearchSeconds: true });
const LEASE_TIMES = SETTING_SHAPES.pick({ operationLeaseSeconds: true, longestRequestSeconds: true });
const ALERT = SETTING_SHAPES.pick({ alertWebhookUrl: true, alertWebhookSecret: true });
const CLOUD = {
  objectStore: true,
  cloudBucket: true,
  cloudEndpoint: true,
  cloudRegion: true,
} as const;
const PLACES = SETTING_SHAPES.pick({ ...CLOUD, serverUrl: true });
const WEBHOOK = SETTING_SHAPES.pick({ webhookUrl: true, webhookSecret: true });
const FORCED = SETTING_SHAPES.pick({ ...CLOUD, forceMethod: true });

const EXPOSED =
  'is http:// to a host that is neither a loopback nor a private address: what is sent can be read on its way; ' +
  'use https://, or set allow_insecure_http (AKOSHA_ALLOW_INSECURE_HTTP)';

const SWITCH = SETTING_SHAPES.pick({ allowInsecureHttp: true });

type Destination =
  | 'cloudEndpoint'
  | 'serverUrl'
  | 'objectStore'
  | 'archiveStore'
  | 'webhookUrl'
  | 'alertWebhookUrl'
  | 'pagerdutyUrl'
  | 'tracesEndpoint';

function exposedRule(key: Destination) {
  const own = SWITCH.extend({ [key]: SETTING_SHAPES.shape[key] });
  return { path: [key], message: EXPOSED, when: ifValid(own) };
}

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
  .refine((s) => s.coldRetentionDays === 0 || s.coldRetentionDays > s.warmDays, {
    path: ['coldRetentionDays'],
    message:
      'must be 0, or exceed warm_days (AKOSHA_WARM_DAYS): a memory is in the cold tier before it expires',
    when: ifValid(KEPT_AGES),
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
  .refine((s) => s.alertWebhookUrl === undefined || s.alertWebhookSecret !== undefined, {
    path: ['alertWebhookSecret'],
    message:
      'must be set with alert_webhook_url (AKOSHA_ALERT_WEBHOOK_URL): whoever gets a notice is to know whose it is',
    when: ifValid(ALERT),
  })
  .refine((s) => s.allowInsecureHttp || !isExposed(s.cloudEndpoint), exposedRule('cloudEndpoint'))
  .refine((s) => s.allowInsecureHttp || !isExposed(s.serverUrl), exposedRule('serverUrl'))
  .refine((s) => s.allowInsecureHttp || !isExposed(s.objectStore), exposedRule('objectStore'))
  .refine((s) => s.allowInsecureHttp || !isExposed(s.archiveStore), exposedRule('archiveStore'))
  .refine((s) => s.allowInsecureHttp || !isExposed(s.webhookUrl), exposedRule('webhookUrl'))
  .refine((s) => s.allowInsecureHttp || !isExposed(s.alertWebhookUrl), exposedRule('alertWebhookUrl'))
  .refine((s) => s.allowInsecureHttp || !isExposed(s.pagerdutyUrl), exposedRule('pagerdutyUrl'))
  .refine((s) => s.allowInsecureHttp || !isExposed(s.tracesEndpoint), exposedRule('tracesEndpoint'))
  .refine((s) => s.webhookUrl === undefined || s.webhookSecret !== undefined, {
    path: ['webhookSecret'],
    message:
      'must be set where webhook_url (AKOSHA_WEBHOOK_URL) is: a notice that is not signed could be anybody’s',
    when: ifValid(WEBHOOK),
  })
  .refine((s) => !sendsToObjectStore(s), {
    path: ['serverUrl'],
    message: 'must not be the object store’s host: the HTTP method sends the text of memories there',
    when: ifValid(PLACES),
  })
  .refine((s) => s.forceMethod !== 'cloud' || configuredObjectStore(s) !== undefined, {
    path: ['forceMethod'],
    message: 'is cloud, which needs cloud_bucket (AKOSHA_CLOUD_BUCKET) or object_store (AKOSHA_OBJECT_STORE)',
    when: ifValid(FORCED),
  })
  .transform((s) => {
    const given = configuredObjectStore(s);
    const objectStore = given ?? pathToFileURL(join(s.dataDir, 'objects')).href;
    return {
      ...s,
      objectStore,
      /** False: it is the default folder in `data_dir`, which only a server on this machine reads. */
      objectStoreGiven: given !== undefined,
      archiveStore: s.archiveStore ?? objectStore,
      // Session-Buddy's own default, where its user asks for HTTP and names no server.
      serverUrl: s.serverUrl ?? (s.forceMethod === 'http' ? `http://127.0.0.1:${s.port}` : undefined),
      serverToken: s.serverToken ?? s.apiToken,
    };
  });

/** All settings of a process, in effect: a plain object. Durations and sizes have their unit in the name. */
export type Settings = Readonly<z.output<typeof SETTINGS>>;
