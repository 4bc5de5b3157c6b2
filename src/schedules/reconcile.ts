import {
  ScheduleAlreadyRunning,
  type ScheduleDescriptionStartWorkflowAction,
  type ScheduleOptionsStartWorkflowAction,
  type ScheduleUpdateOptions,
} from '@temporalio/client';
import type { Workflow } from '@temporalio/common';
import type { AkoshaClient } from '../client/index.js';
import { TASK_QUEUES } from '../contract/index.js';
import { SCHEDULES, type ScheduleDefinition, type ScheduleId } from './definitions.js';

/** The client sends the priority of an action and tells it, but its type of an action to be sent does not have it. */
type Action = ScheduleOptionsStartWorkflowAction<Workflow> &
  Pick<ScheduleDescriptionStartWorkflowAction, 'priority'>;
type Definition = Omit<ScheduleUpdateOptions<Action>, 'state'>;

export interface Reconciled {
  scheduleId: ScheduleId;
  outcome: 'created' | 'updated';
}

/**
 * Makes the schedules in Temporal what the table says. What an operator did to one, its pause and its note, stays: a new version
 * of the program must not undo it. `paused`: those that were when Temporal last told of them; where it has lost its schedules they begin paused, too.
 * To be run at every start of a server; several at once do no harm.
 */
export async function reconcileSchedules(
  client: AkoshaClient,
  paused: readonly string[] = [],
): Promise<Reconciled[]> {
  const done: Reconciled[] = [];
  for (const definition of SCHEDULES) {
    const outcome = (await create(client, definition, paused.includes(definition.scheduleId)))
      ? 'created'
      : await update(client, definition);
    done.push({ scheduleId: definition.scheduleId, outcome });
  }
  return done;
}

/** Its own note was lost with the schedule. */
const PAUSED_BEFORE = 'paused by an operator, before Temporal lost its schedules';

/** False where it exists. */
async function create(
  { connection }: AkoshaClient,
  definition: ScheduleDefinition,
  paused: boolean,
): Promise<boolean> {
  try {
    await connection.request(() =>
      connection.temporal.schedule.create({
        scheduleId: definition.scheduleId,
        ...compile(definition),
        state: { paused, note: paused ? PAUSED_BEFORE : definition.purpose },
      }),
    );
    return true;
  } catch (error) {
    if (error instanceof ScheduleAlreadyRunning) return false;
    throw error;
  }
}

async function update({ connection }: AkoshaClient, definition: ScheduleDefinition): Promise<'updated'> {
  const handle = connection.temporal.schedule.getHandle(definition.scheduleId);
  await connection.request(() => handle.update(({ state }) => ({ ...compile(definition), state })));
  return 'updated';
}

function compile(definition: ScheduleDefinition): Definition {
  const { spec, overlap, catchupWindow, workflowType, workflowId, staticSummary, staticDetails, priority } =
    definition;
  return {
    spec,
    action: {
      type: 'startWorkflow',
      workflowType,
      workflowId,
      taskQueue: TASK_QUEUES.server,
      args: [{}],
      staticSummary,
      staticDetails,
      priority,
    },
    policies: {
      overlap,
      catchupWindow,
      // The next run does the failed one's work as well, so a pause would only add to the damage. A failed run is for an alert.
      pauseOnFailure: false,
    },
  };
}
