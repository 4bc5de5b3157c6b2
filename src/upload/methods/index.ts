import { AkoshaError, isAkoshaError, messageOf, type ErrorType } from '../../contract/index.js';
import type { Host } from '../host.js';
import { createCloudMethod } from './cloud.js';
import { createHttpMethod } from './http.js';
import { isNotTheMethods } from './hybrid.js';
import type { MethodSettings } from './method-settings.js';
import type { SyncMethod } from './method.js';

export { chooseMethods, deliverByMethods, isPermanent, whyUnavailable, type MethodRules } from './hybrid.js';
export type { MethodSettings } from './method-settings.js';
export type { SyncMethod } from './method.js';

interface MethodEntry {
  /** Undefined where the host's settings do not configure it. */
  create: (host: Host, settings: MethodSettings) => SyncMethod | undefined;
  /** What its failures are raised as. */
  error: ErrorType;
}

/** Every method, the most preferred first. A new one is a file beside this and a line here. */
const METHODS: readonly MethodEntry[] = [
  { create: cloudMethod, error: 'CloudUploadError' },
  { create: createHttpMethod, error: 'HTTPSyncError' },
];

/** Without a bucket of its own, and with a server to send to, the folder on the host's own disk is nobody's to read. */
function cloudMethod(host: Host, { objectStoreGiven, http }: MethodSettings): SyncMethod | undefined {
  return objectStoreGiven || http === undefined ? createCloudMethod(host) : undefined;
}

/** The methods that a host's settings configure, the most preferred first. */
export function configuredMethods(host: Host, settings: MethodSettings): SyncMethod[] {
  return METHODS.flatMap(({ create, error }) => {
    const method = create(host, settings);
    return method === undefined ? [] : [raising(error, method)];
  });
}

/** Failures under the method's own type, with what happened as their cause, which says whether another try can help. */
function raising(type: ErrorType, method: SyncMethod): SyncMethod {
  return {
    name: method.name,
    availability: (signal) => method.availability(signal),
    askAfter: method.askAfter,
    hasIngested: method.hasIngested,
    deliver: async (upload, options) => {
      try {
        return await method.deliver(upload, options);
      } catch (error) {
        if (isNotTheMethods(error) || isAkoshaError(error, type)) throw error;
        const details = error instanceof AkoshaError ? error.details : {};
        throw new AkoshaError(type, messageOf(error), { cause: error, details: { ...details } });
      }
    },
  };
}
