import type { WorkflowOptions } from '@temporalio/client';
import {
  fairnessOf,
  ingestPriority,
  MAINTENANCE,
  TASK_QUEUES,
  WALK_PRIORITY,
  WORKFLOW_IDS,
  type DailyIngestInput,
  type ForgetSystemInput,
  type IngestSystemInput,
  type MoveMemoriesInput,
  type OutageRecordInput,
  type ScrubInput,
  type TierTransitionInput,
  type UploadMemoryInput,
  type Urgency,
  type UploadRef,
} from '../contract/index.js';
import { ofIngest, ofSystem } from './search-attributes.js';

/** How a workflow is started with one argument. */
type StartOptions<Input> = WorkflowOptions & { args: [Input] };

/**
 * One at a time for each business key: who starts it while it runs joins it, and once it has ended, however it ended, it may
 * be started anew. The work itself is kept in the outbox and in the catalog, not in the run.
 */
const ONE_AT_A_TIME = {
  workflowIdConflictPolicy: 'USE_EXISTING',
  workflowIdReusePolicy: 'ALLOW_DUPLICATE',
} as const;

/** A run that a person asks for is one of its own, with its own arguments: it must neither join another nor replace one. */
const ONE_OF_ITS_OWN = {
  workflowIdConflictPolicy: 'FAIL',
  workflowIdReusePolicy: 'REJECT_DUPLICATE',
} as const;

/** What is told once is not told again, unless it came to nothing. */
const ONCE = {
  workflowIdConflictPolicy: 'USE_EXISTING',
  workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
} as const;

export function uploadMemoryOptions(systemId: string): StartOptions<UploadMemoryInput> {
  return {
    ...ONE_AT_A_TIME,
    workflowId: WORKFLOW_IDS.uploadMemory(systemId),
    taskQueue: TASK_QUEUES.server,
    args: [{ systemId }],
    typedSearchAttributes: ofSystem(systemId),
    staticSummary: `Uploads the memories of ${systemId}`,
    staticDetails:
      `Takes a snapshot of the databases of \`${systemId}\`, and delivers it and whatever else waits in its outbox. ` +
      `The steps run in its agent, on the task queue \`${TASK_QUEUES.agent(systemId)}\`.`,
    priority: fairnessOf(systemId),
  };
}

/** It has no other. */
const INGEST_PHASE = 'ingest';

/** `next` spares the run its first question, which costs Temporal as much as the ingest itself. */
export function ingestSystemOptions(
  systemId: string,
  urgency: Urgency,
  next?: UploadRef,
): StartOptions<IngestSystemInput> {
  return {
    ...ONE_AT_A_TIME,
    workflowId: WORKFLOW_IDS.ingestSystem(systemId),
    taskQueue: TASK_QUEUES.server,
    args: [{ systemId, phase: INGEST_PHASE, ...(next === undefined ? {} : { next }) }],
    typedSearchAttributes: ofIngest(systemId, INGEST_PHASE, next?.uploadId),
    staticSummary: `Ingests the uploads of ${systemId}`,
    staticDetails: `Takes the uploads of \`${systemId}\` from the queue, in their order, until there are none.`,
    priority: ingestPriority(systemId, urgency),
  };
}

/** `time` tells one manual run from another. */
export function dailyIngestOptions(time: string, input: DailyIngestInput): StartOptions<DailyIngestInput> {
  return {
    ...ONE_OF_ITS_OWN,
    ...DAILY_INGEST_TEXTS,
    workflowId: WORKFLOW_IDS.dailyIngest(time),
    taskQueue: TASK_QUEUES.server,
    args: [input],
    priority: WALK_PRIORITY,
  };
}

/** Who triggers it while it runs joins it: two walks over the same objects at once would find the same. */
export function triggeredIngestOptions(systemId: string | undefined): StartOptions<DailyIngestInput> {
  return {
    ...ONE_AT_A_TIME,
    ...DAILY_INGEST_TEXTS,
    workflowId: WORKFLOW_IDS.triggeredIngest(systemId),
    taskQueue: TASK_QUEUES.server,
    args: [systemId === undefined ? {} : { systemId }],
    ...(systemId === undefined ? {} : { typedSearchAttributes: ofSystem(systemId) }),
    priority: WALK_PRIORITY,
  };
}

export function tierTransitionOptions(
  time: string,
  input: TierTransitionInput,
): StartOptions<TierTransitionInput> {
  return {
    ...ONE_OF_ITS_OWN,
    ...TIER_TRANSITION_TEXTS,
    workflowId: WORKFLOW_IDS.tierTransition(time),
    taskQueue: TASK_QUEUES.server,
    args: [input],
    priority: fairnessOf(MAINTENANCE),
  };
}

/** Another one of these memories must end first: it would neither do this one's work nor leave it alone. */
const AFTER_THE_LAST = {
  workflowIdConflictPolicy: 'FAIL',
  workflowIdReusePolicy: 'ALLOW_DUPLICATE',
} as const;

export function moveMemoriesOptions(input: MoveMemoriesInput): StartOptions<MoveMemoriesInput> {
  const { action, to, selection, total } = input;
  const { systemId } = selection;
  return {
    ...AFTER_THE_LAST,
    workflowId: WORKFLOW_IDS.moveMemories(systemId),
    taskQueue: TASK_QUEUES.server,
    args: [input],
    ...(systemId === undefined ? {} : { typedSearchAttributes: ofSystem(systemId) }),
    staticSummary: `${action === 'move' ? 'Moves' : 'Thaws'} ${total} memories to ${to}`,
    staticDetails:
      'Moves what a person chose, batch by batch (copy, verify, commit); asked for again, it goes on.',
    priority: fairnessOf(MAINTENANCE),
  };
}

export function forgetSystemOptions(
  scopeId: string,
  input: ForgetSystemInput,
): StartOptions<ForgetSystemInput> {
  const { systemId } = input.scope;
  return {
    ...ONE_AT_A_TIME,
    workflowId: WORKFLOW_IDS.forgetSystem(scopeId),
    taskQueue: TASK_QUEUES.server,
    args: [input],
    ...(systemId === null ? {} : { typedSearchAttributes: ofSystem(systemId) }),
    staticSummary: `Erases what is forgotten: ${scopeId}`,
    staticDetails:
      'Its tombstone stands. Ingests what waits without it, deletes raw uploads, rows and objects that hold it, and looks again once all that ' +
      'was being written has landed, until nothing is found.',
    priority: fairnessOf(MAINTENANCE),
  };
}

export function scrubOptions(): StartOptions<ScrubInput> {
  return {
    ...ONE_AT_A_TIME,
    ...SCRUB_TEXTS,
    workflowId: WORKFLOW_IDS.scrub,
    taskQueue: TASK_QUEUES.server,
    args: [{}],
    priority: fairnessOf(MAINTENANCE),
  };
}

export function restoreDrillOptions(): WorkflowOptions & { args: [] } {
  return {
    ...ONE_AT_A_TIME,
    ...RESTORE_DRILL_TEXTS,
    workflowId: WORKFLOW_IDS.restoreDrill,
    taskQueue: TASK_QUEUES.server,
    args: [],
    priority: fairnessOf(MAINTENANCE),
  };
}

export function outageRecordOptions(start: string): StartOptions<OutageRecordInput> {
  return {
    ...ONCE,
    workflowId: WORKFLOW_IDS.outageRecord(start),
    taskQueue: TASK_QUEUES.server,
    args: [{ start }],
    staticSummary: `What the server did by itself while Temporal was away, from ${start}`,
    staticDetails: 'The record that the server kept on its disk. Nothing is done again by it.',
    priority: fairnessOf(MAINTENANCE),
  };
}

/** Shown by Temporal's page; the same for scheduled and for manual runs. */
export const DAILY_INGEST_TEXTS = {
  staticSummary: 'Finds uploads that no inbox entry announced',
  staticDetails:
    'Walks the whole of `systems/` in object storage and queues the complete uploads that the catalog does not know.',
};

export const MAINTENANCE_TEXTS = {
  staticSummary: 'Deletes raw uploads whose days are over',
  staticDetails:
    'Of uploads that are through, `upload_retention_days` past their receipt, and only where the ledger’s row of them stands in a backup. Their memories stay.',
};

export const RESTORE_DRILL_TEXTS = {
  staticSummary: 'Rebuilds the store beside itself, and compares the two',
  staticDetails:
    'From object storage alone, into a scratch folder that goes afterwards. Every memory is compared by its content hash; what came since the begin is left out.',
};

export const SCRUB_TEXTS = {
  staticSummary: 'Compares what stands with what is on record',
  staticDetails:
    'Journal and cold objects with their checksums, placements with rows, rows with placements. What differs at a second look stops moving and deleting until a person releases it.',
};

export const TIER_TRANSITION_TEXTS = {
  staticSummary: 'Moves memories from hot to warm to cold',
  staticDetails:
    'Plans what is due, moves it batch by batch (copy, verify, commit), then sweeps what no placement names.',
};
