import type { NativeConnection, WorkerOptions } from '@temporalio/worker';
import type { TemporalTraces } from '../telemetry/index.js';
import { activityFields } from './activity-fields.js';

export interface WorkerSettings {
  connection: NativeConnection;
  namespace: string;
  /** Who polls, in Temporal's page: role and host. */
  identity: string;
  /** How long activities may go on after the worker was told to stop, before they are told. By default 10 s. */
  shutdownGraceMs?: number;
  /** After which the worker stops waiting for them and fails. By default 25 s. */
  shutdownForceMs?: number;
  /** Absent: no spans are recorded. */
  traces?: TemporalTraces | undefined;
}

/** Most steps take less. With the force below, it fits in the 30 s after which most supervisors kill. */
const SHUTDOWN_GRACE_MS = 10_000;
const SHUTDOWN_FORCE_MS = 25_000;

/**
 * An activity learns of its cancellation with the answer to a heartbeat. The SDK would hold heartbeats back for 80% of
 * their timeout; this lets through what activities send, one every third of it.
 */
const HEARTBEAT_THROTTLE_MS = 3_000;

/** What all our workers have in common. Not versioned: those that run activities are updated apart, and each takes any version's. */
export function commonOptions({
  connection,
  namespace,
  identity,
  shutdownGraceMs = SHUTDOWN_GRACE_MS,
  shutdownForceMs = SHUTDOWN_FORCE_MS,
  traces,
}: WorkerSettings) {
  return {
    connection,
    namespace,
    identity,
    // Without grace every activity in flight would be told to stop at once, and its work begun anew elsewhere.
    shutdownGraceTime: shutdownGraceMs,
    shutdownForceTime: shutdownForceMs,
    maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE_MS,
    // The span is around the fields, so that it gets them too.
    interceptors: { activity: [...(traces === undefined ? [] : [traces.activity]), activityFields] },
  } satisfies Partial<WorkerOptions>;
}
