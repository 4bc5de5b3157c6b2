import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  AkoshaError,
  QUERIES,
  SIGNALS,
  WORKFLOWS,
  type DailyIngestInput,
  type DailyIngestResult,
  type DrillReport,
  type ForgetScope,
  type ForgetSystemResult,
  type MoveMemoriesInput,
  type MoveMemoriesResult,
  type Progress,
  type ScrubReport,
  type TierTransitionInput,
  type TierTransitionResult,
  type UploadMemoryResult,
  type Urgency,
  type UploadReady,
  type UploadRef,
} from '../contract/index.js';
import { withSpan } from '../runtime/index.js';
import type {
  dailyIngest,
  forgetSystem,
  ingestSystem,
  moveMemories,
  outageRecord,
  restoreDrill,
  scrub,
  tierTransition,
  uploadMemory,
} from '../workflows/index.js';
import { openConnection, type TemporalConnection, type TemporalOptions } from './connection.js';
import { isAgentPolling } from './pollers.js';
import { runHandle, type RunHandle } from './run-handle.js';
import { ensureSearchAttributes } from './search-attributes.js';
import {
  dailyIngestOptions,
  forgetSystemOptions,
  ingestSystemOptions,
  moveMemoriesOptions,
  outageRecordOptions,
  restoreDrillOptions,
  scrubOptions,
  tierTransitionOptions,
  triggeredIngestOptions,
  uploadMemoryOptions,
} from './start-options.js';

export interface NudgeOptions {
  onlyIfIdle?: boolean;
  /** Of an ingest that this starts, and with what one that runs goes on if its own is less. By default `announced`. */
  urgency?: Urgency;
  /** The trace that a system's new upload belongs to, so that its ingest does. By default that of the span around. */
  traceparentOf?: ((systemId: string) => string | undefined) | undefined;
  /** What is first in a system's queue, so that a run that is started by this need not ask. */
  nextOf?: ((systemId: string) => Promise<UploadRef | undefined>) | undefined;
}

/** Every start, signal and question that Akosha sends to Temporal. Errors are `AkoshaError`s; see `translateError`. */
export interface AkoshaClient {
  readonly connection: TemporalConnection;
  /** Asks a system's agent for an upload of its databases as they are now; joins an upload that runs, which then goes again. */
  requestSync(systemId: string): Promise<RunHandle<UploadMemoryResult>>;
  /** Has a system's agent deliver what waits in its outbox, unless an upload runs, which comes to it by itself. */
  resumeUploads(systemId: string): Promise<void>;
  /**
   * Has the systems' queues looked at. `onlyIfIdle`: says nothing to an ingest that runs, because it will come to what is
   * queued by itself; right where it is not known that anything is new.
   */
  nudgeIngest(systemIds: readonly string[], options?: NudgeOptions): Promise<void>;
  runDailyIngest(input?: Pick<DailyIngestInput, 'wait'>): Promise<RunHandle<DailyIngestResult>>;
  /**
   * As `runDailyIngest`, of one system or of all, and joins the walk that was triggered before and still runs. What comes in behind
   * that walk's back is found by its inbox entry or with the next walk.
   */
  triggerIngest(systemId?: string): Promise<RunHandle<DailyIngestResult>>;
  /** `asOf` is an ISO 8601 time; anything else raises `BadRequest`. */
  runTierTransition(
    input?: Pick<TierTransitionInput, 'asOf' | 'all'>,
  ): Promise<RunHandle<TierTransitionResult>>;
  /** Moves or thaws memories. Raises `MoveUnderWay` while those of the same system are being moved. */
  moveMemories(input: Omit<MoveMemoriesInput, 'state'>): Promise<RunHandle<MoveMemoriesResult>>;
  /** The run that `moveMemories` has started, for whoever waits for it. */
  movedMemories(workflowId: string, runId: string): RunHandle<MoveMemoriesResult>;
  /** Begins a scrub, or joins the one that was asked for and still runs. */
  runScrub(): Promise<RunHandle<ScrubReport>>;
  /** The run that `runScrub` has started, for whoever waits for it. */
  scrubbed(workflowId: string, runId: string): RunHandle<ScrubReport>;
  /** Begins a restore drill, or joins the one that was asked for and still runs. */
  runDrill(): Promise<RunHandle<DrillReport>>;
  /** The run that `runDrill` has started, for whoever waits for it. */
  drilled(workflowId: string, runId: string): RunHandle<DrillReport>;
  /** Has what is forgotten erased everywhere, or joins the run that does; the result is its receipt's counts. */
  forgetSystem(scopeId: string, scope: ForgetScope): Promise<RunHandle<ForgetSystemResult>>;
  /**
   * Has the record of the outage that began at `start` (ISO 8601) put into Temporal, as the workflow `outage/<start>`. Returns false where
   * it stands there already.
   */
  recordOutage(start: string): Promise<boolean>;
  progress(workflowId: string): Promise<Progress>;
  /** Whether Temporal answers for our namespace within this time. Raises nothing, and asks whatever the breaker's state. */
  isReachable(timeoutMs: number): Promise<boolean>;
  /** Where the breaker holds calls back, asks whether Temporal answers again, so that work goes on as soon as it does. Raises nothing. */
  lookAgain(): Promise<void>;
  /** Adds our search attributes to a server that lacks them; returns which. */
  ensureSearchAttributes(): Promise<string[]>;
  /** Whether an agent of this system has lately asked for work. */
  agentIsPolling(systemId: string): Promise<boolean>;
  close(): Promise<void>;
}

/** A Temporal at hand answers in milliseconds, and whoever looks again has something else to do where it does not. */
const LOOK_AGAIN_MS = 1_000;

/**
 * A client for the Temporal of Akosha. With no options the address and the rest come from Temporal's own environment variables
 * (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_PROFILE`, …) and settings file. It connects with its first request.
 */
export function createAkoshaClient(options: TemporalOptions = {}): AkoshaClient {
  const connection = openConnection(options);
  const { request, query, probe, temporal, namespace } = connection;
  const { workflow } = temporal;

  const isReachable = (timeoutMs: number): Promise<boolean> =>
    probe(() => workflow.workflowService.describeNamespace({ namespace }), timeoutMs).then(
      () => true,
      () => false,
    );

  return {
    connection,

    async requestSync(systemId) {
      const handle = await request(() =>
        workflow.signalWithStart<typeof uploadMemory>(WORKFLOWS.uploadMemory, {
          ...uploadMemoryOptions(systemId),
          signal: SIGNALS.syncRequested,
        }),
      );
      return runHandle(connection, handle, handle.signaledRunId);
    },

    resumeUploads: (systemId) =>
      request(async () => {
        await workflow.start<typeof uploadMemory>(WORKFLOWS.uploadMemory, uploadMemoryOptions(systemId));
      }),

    nudgeIngest: (systemIds, { onlyIfIdle = false, urgency = 'announced', traceparentOf, nextOf } = {}) => {
      const nudge = async (systemId: string): Promise<void> => {
        const start = ingestSystemOptions(systemId, urgency, await nextOf?.(systemId));
        await request(async () => {
          if (onlyIfIdle) await workflow.start<typeof ingestSystem>(WORKFLOWS.ingestSystem, start);
          else {
            await workflow.signalWithStart<typeof ingestSystem, [UploadReady]>(WORKFLOWS.ingestSystem, {
              ...start,
              signal: SIGNALS.uploadReady,
              signalArgs: [{ urgency }],
            });
          }
        });
      };
      return someAtOnce(systemIds, (systemId) => {
        const continues = traceparentOf?.(systemId);
        if (continues === undefined) return nudge(systemId);
        return withSpan('akosha.nudge', { continues, fields: { systemId } }, () => nudge(systemId));
      });
    },

    async runDailyIngest(input = {}) {
      const handle = await request(() =>
        workflow.start<typeof dailyIngest>(WORKFLOWS.dailyIngest, dailyIngestOptions(timeNow(), input)),
      );
      return runHandle(connection, handle, handle.firstExecutionRunId);
    },

    async triggerIngest(systemId) {
      const handle = await request(() =>
        workflow.start<typeof dailyIngest>(WORKFLOWS.dailyIngest, triggeredIngestOptions(systemId)),
      );
      return runHandle(connection, handle, handle.firstExecutionRunId);
    },

    async runTierTransition(input = {}) {
      if (input.asOf !== undefined) requireInstant(input.asOf);
      const handle = await request(() =>
        workflow.start<typeof tierTransition>(
          WORKFLOWS.tierTransition,
          tierTransitionOptions(timeNow(), input),
        ),
      );
      return runHandle(connection, handle, handle.firstExecutionRunId);
    },

    async moveMemories(input) {
      const options = moveMemoriesOptions(input);
      const handle = await request(async () => {
        try {
          return await workflow.start<typeof moveMemories>(WORKFLOWS.moveMemories, options);
        } catch (error) {
          if (error instanceof WorkflowExecutionAlreadyStartedError) throw moveUnderWay(options.workflowId);
          throw error;
        }
      });
      return runHandle(connection, handle, handle.firstExecutionRunId);
    },

    movedMemories: (workflowId, runId) =>
      runHandle(connection, workflow.getHandle<typeof moveMemories>(workflowId, runId), runId),

    async runScrub() {
      const handle = await request(() => workflow.start<typeof scrub>(WORKFLOWS.scrub, scrubOptions()));
      return runHandle(connection, handle, handle.firstExecutionRunId);
    },

    scrubbed: (workflowId, runId) =>
      runHandle(connection, workflow.getHandle<typeof scrub>(workflowId, runId), runId),

    async runDrill() {
      const handle = await request(() =>
        workflow.start<typeof restoreDrill>(WORKFLOWS.restoreDrill, restoreDrillOptions()),
      );
      return runHandle(connection, handle, handle.firstExecutionRunId);
    },

    drilled: (workflowId, runId) =>
      runHandle(connection, workflow.getHandle<typeof restoreDrill>(workflowId, runId), runId),

    async forgetSystem(scopeId, scope) {
      const handle = await request(() =>
        workflow.start<typeof forgetSystem>(WORKFLOWS.forgetSystem, forgetSystemOptions(scopeId, { scope })),
      );
      return runHandle(connection, handle, handle.firstExecutionRunId);
    },

    recordOutage: (start) =>
      request(async () => {
        try {
          await workflow.start<typeof outageRecord>(WORKFLOWS.outageRecord, outageRecordOptions(start));
          return true;
        } catch (error) {
          if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
          throw error;
        }
      }),

    progress: (workflowId) => query(() => workflow.getHandle(workflowId).query<Progress>(QUERIES.progress)),

    isReachable,

    async lookAgain() {
      if (connection.breaker.status().state !== 'closed') await isReachable(LOOK_AGAIN_MS);
    },

    ensureSearchAttributes: () => ensureSearchAttributes(connection),
    agentIsPolling: (systemId) => isAgentPolling(connection, systemId),
    close: () => connection.close(),
  };
}

function moveUnderWay(workflowId: string): AkoshaError {
  return new AkoshaError(
    'MoveUnderWay',
    `memories are being moved already by workflow ${workflowId}: wait for it, or cancel it`,
    { details: { workflow_id: workflowId } },
  );
}

/** To the millisecond: tells one manual run from another. */
function timeNow(): string {
  return new Date().toISOString();
}

function requireInstant(text: string): void {
  if (!Number.isNaN(Date.parse(text))) return;
  throw new AkoshaError(
    'BadRequest',
    `asOf must be an ISO 8601 time such as 2026-11-22T12:00:00Z, not ${JSON.stringify(text)}`,
  );
}

/** Enough to hide the way to the server, few enough not to be turned away by its rate limit. */
const REQUESTS_AT_ONCE = 16;

async function someAtOnce(
  systemIds: readonly string[],
  run: (systemId: string) => Promise<void>,
): Promise<void> {
  const rest = systemIds.values();
  const takeTurns = async (): Promise<void> => {
    for (const systemId of rest) await run(systemId);
  };
  await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, takeTurns));
}
