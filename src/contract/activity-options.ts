import { PERMANENT_ERROR_TYPES } from './errors.js';
import { TASK_QUEUES } from './ids.js';

/** The fields of Temporal's `ActivityOptions` in use, spelled out because the contract imports nothing. In milliseconds. */
export interface ActivityRules {
  taskQueue: string;
  /** One attempt. */
  startToCloseTimeout: number;
  /** All attempts together. */
  scheduleToCloseTimeout?: number;
  heartbeatTimeout: number;
  cancellationType: 'WAIT_CANCELLATION_COMPLETED';
  retry: RetryRules;
  priority?: PriorityRules;
}

export interface RetryRules {
  initialInterval: number;
  backoffCoefficient: number;
  maximumInterval: number;
  nonRetryableErrorTypes: string[];
}

/**
 * Lower keys first, of 1 to 5; within a key, the fairness keys take turns where Temporal is set to (`matching.enableFairness`). It need not
 * be: no system has more than one ingest in the queue.
 */
export interface PriorityRules {
  priorityKey?: number;
  fairnessKey: string;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/**
 * Without a limit on attempts: an outage of any length delays work and never loses it. A minute at most between two, so
 * that work goes on within a minute of the outage's end.
 */
const RETRY: RetryRules = {
  initialInterval: SECOND,
  backoffCoefficient: 2,
  maximumInterval: MINUTE,
  nonRetryableErrorTypes: PERMANENT_ERROR_TYPES,
};

/**
 * How long a dead worker goes unnoticed. Activities send one every third of it from a thread that no native call blocks; should
 * a pause be longer all the same, the second attempt beside the first does no harm.
 */
const HEARTBEAT = 10 * SECOND;

/** What every activity has. */
const COMMON = {
  heartbeatTimeout: HEARTBEAT,
  // A cancelled workflow ends when its step has ended, some seconds later: whoever starts it anew never has the old step
  // beside the new one. The SDK's documentation calls this the default, but left out it tells the step and does not wait.
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: RETRY,
} as const;

/** The server's default is 3: a question that takes milliseconds need not wait behind work that takes minutes. */
const QUESTIONS_FIRST = 1;

/** Temporal's limit in bytes. System ids are ASCII, and two that share their first 64 letters share their turn. */
const FAIRNESS_KEY_LENGTH = 64;

/** A turn of its own for what belongs to no system; no system id has a dot. */
export const MAINTENANCE = '.maintenance';

/** The key by which systems take turns, so that one system's backlog delays nobody's fresh upload. */
export function fairnessOf(systemId: string): PriorityRules {
  return { fairnessKey: systemId.slice(0, FAIRNESS_KEY_LENGTH) };
}

/**
 * Of the walk, of its workflow as of its portions: before ingests. One portion runs at a time, so it takes one place from them: for some
 * seconds where little is new, for minutes where all of it is. Among them it would have one turn for as many as there are systems with a
 * backlog, and with 100,000 systems it would not be through before the next one is due.
 */
export const WALK_PRIORITY: PriorityRules = { fairnessKey: MAINTENANCE, priorityKey: 2 };

/**
 * Whose ingest goes first: announced uploads, whose hosts count on seconds; then those that a poll found among few; then all that has come
 * to wait, which nobody notices minutes of. What is before takes every free place, so the last gets what the others leave.
 */
const URGENCY_KEYS = { announced: 3, found: 4, backlog: 5 } as const;
export type Urgency = keyof typeof URGENCY_KEYS;

/** Of a system's ingest. A backlog of systems would all have their turns before a newcomer's: taking turns is fair and not quick. */
export function ingestPriority(systemId: string, urgency: Urgency): PriorityRules {
  return { ...fairnessOf(systemId), priorityKey: URGENCY_KEYS[urgency] };
}

/** What Temporal takes for a workflow without a key. */
const DEFAULT_KEY = 3;

/**
 * Of an ingest that was started with the key `startedWith` and has since been told of something this urgent: the one that goes first. Where that
 * is its own it has no key, and thereby that of its workflow.
 */
export function raisedPriority(
  systemId: string,
  startedWith: number = DEFAULT_KEY,
  told?: Urgency,
): PriorityRules {
  if (told === undefined || URGENCY_KEYS[told] >= startedWith) return fairnessOf(systemId);
  return ingestPriority(systemId, told);
}

export function moreUrgent(one: Urgency | undefined, other: Urgency | undefined): Urgency | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return URGENCY_KEYS[one] <= URGENCY_KEYS[other] ? one : other;
}

/** Short steps in the agent: a few requests to object storage, and the outbox. */
export function agentOptions(systemId: string): ActivityRules {
  return {
    ...COMMON,
    taskQueue: TASK_QUEUES.agent(systemId),
    // They may have to wait for the host's lock, which another process holds for as long as its snapshot takes.
    startToCloseTimeout: 15 * MINUTE,
  };
}

/**
 * A failure that the agent puts down in its outbox names its own pause, 30 s to 10 min with jitter. What follows this one is an agent
 * that died in the middle, which is to go on at once, and what no outbox can take down, such as a full disk.
 */
const OUTBOX_RETRY: RetryRules = { ...RETRY, maximumInterval: 10 * MINUTE };

/** Snapshot and transfer. No limit on the time in the queue: a host that is switched off goes on when it is back. */
export function transferOptions(systemId: string): ActivityRules {
  return {
    ...COMMON,
    taskQueue: TASK_QUEUES.agent(systemId),
    // 8 GiB, the largest database that is taken, over a line of 1 Mbit/s take 19 hours.
    startToCloseTimeout: 24 * HOUR,
    retry: OUTBOX_RETRY,
  };
}

/**
 * Clearing up after a cancel. A host that is off for longer keeps what it was to clear, and delivers it when it is back: whoever
 * cancels does not wait for it.
 */
export function cancelOptions(systemId: string): ActivityRules {
  return {
    ...COMMON,
    taskQueue: TASK_QUEUES.agent(systemId),
    startToCloseTimeout: 5 * MINUTE,
    scheduleToCloseTimeout: 10 * MINUTE,
  };
}

/** Telling a webhook's receiver: worth a moment, because the agent goes on trying by itself. */
export function noticeOptions(systemId: string): ActivityRules {
  return {
    ...COMMON,
    taskQueue: TASK_QUEUES.agent(systemId),
    // The receiver has 10 s to answer. What several notices leave undone is done in the next attempt.
    startToCloseTimeout: 15 * SECOND,
    // A receiver that is being restarted is back by then.
    scheduleToCloseTimeout: 30 * SECOND,
  };
}

/** Telling the server of an upload: worth a moment and no more, because the inbox entry says the same. */
export function handOverOptions(systemId: string): ActivityRules {
  return {
    ...COMMON,
    taskQueue: TASK_QUEUES.store,
    startToCloseTimeout: 5 * SECOND,
    // A third of the default poll interval: after that the poll is as quick.
    scheduleToCloseTimeout: 10 * SECOND,
    heartbeatTimeout: 5 * SECOND,
    priority: { ...fairnessOf(systemId), priorityKey: QUESTIONS_FIRST },
  };
}

/** Questions to the catalog. */
export function storeQueryOptions(turn: string): ActivityRules {
  return {
    ...COMMON,
    taskQueue: TASK_QUEUES.store,
    // Milliseconds by themselves; a commit of 100,000 rows before them in the catalog's queue takes some seconds.
    startToCloseTimeout: 2 * MINUTE,
    priority: { ...fairnessOf(turn), priorityKey: QUESTIONS_FIRST },
  };
}

export function ingestOptions(systemId: string): ActivityRules {
  return {
    ...COMMON,
    taskQueue: TASK_QUEUES.store,
    // Two downloads with the default limit for a request (10 min), a turn among what is slow to read (2 h 40 min), the reading itself (20 min)
    // and the operation's lease (15 min) make 3 h 35 min. It only ends an attempt that hangs and yet is alive.
    startToCloseTimeout: 4 * HOUR,
    // Without a key it has that of its workflow, which was started as urgent as the upload was; see `raisedPriority` for what came later.
    priority: fairnessOf(systemId),
  };
}

/** One batch from tier to tier. */
export function moveOptions(): ActivityRules {
  return {
    ...COMMON,
    taskQueue: TASK_QUEUES.store,
    // An operation loses its lease after 15 minutes by default, so a longer attempt could not commit.
    startToCloseTimeout: 30 * MINUTE,
    priority: fairnessOf(MAINTENANCE),
  };
}

/** A portion of the walk for uploads. */
export function walkPortionOptions(): ActivityRules {
  return {
    ...COMMON,
    taskQueue: TASK_QUEUES.store,
    // 100 pages of 1,000 uploads, all of them new: with 50 ms for each manifest, eight at once, some ten minutes; and a slow store.
    startToCloseTimeout: HOUR,
    priority: WALK_PRIORITY,
  };
}

/** Whatever lists all of a prefix: the sweep. */
export function walkOptions(): ActivityRules {
  return {
    ...COMMON,
    taskQueue: TASK_QUEUES.store,
    // 100,000 systems with 50 ms for the listing of each take 83 minutes, and a slow store several times that.
    startToCloseTimeout: 12 * HOUR,
    priority: fairnessOf(MAINTENANCE),
  };
}

/** One batch of raw uploads to delete. */
export function retentionOptions(): ActivityRules {
  return {
    ...COMMON,
    taskQueue: TASK_QUEUES.store,
    // 100 uploads with four requests each, four at once: 5 s. Where each request takes its longest, 10 minutes by default, nothing else helps.
    startToCloseTimeout: 30 * MINUTE,
    priority: fairnessOf(MAINTENANCE),
  };
}

/** A part of a scrub, which ends by itself after some minutes. */
export function scrubOptions(): ActivityRules {
  return {
    ...COMMON,
    taskQueue: TASK_QUEUES.store,
    // A minute, and the page that it is at then: 16 objects at the default bound of 32 MiB a second, of 64 MiB each, take half of one.
    startToCloseTimeout: HOUR,
    priority: fairnessOf(MAINTENANCE),
  };
}

/** A restore drill, which begins anew with each attempt. */
export function drillOptions(): ActivityRules {
  return {
    ...COMMON,
    taskQueue: TASK_QUEUES.store,
    // A rebuild is promised in 2 hours without a backup; of a store several times that size, on a machine that serves meanwhile.
    startToCloseTimeout: 12 * HOUR,
    // The next one comes in a week.
    scheduleToCloseTimeout: 48 * HOUR,
    priority: fairnessOf(MAINTENANCE),
  };
}

/** What reads or writes a record on the server's disk, of some megabytes at most. */
export function recordOptions(): ActivityRules {
  return {
    ...COMMON,
    taskQueue: TASK_QUEUES.store,
    // The steps of a long outage are read whole, 256 MiB of them at most: some seconds.
    startToCloseTimeout: 5 * MINUTE,
    priority: fairnessOf(MAINTENANCE),
  };
}
