import { ApplicationFailure, type Context } from '@temporalio/activity';
import type { ActivityInterceptors } from '@temporalio/worker';
import { systemOfWorkflow } from '../contract/index.js';
import { noteOnSpan, withLogFields, type LogFields } from '../runtime/index.js';

/**
 * Puts the ids of workflow, system and upload into every line that is logged on behalf of an activity, the SDK's own among them: all but the
 * SDK's `Activity started`, which comes before the input is known and has no upload's. And into the activity's span, with the type of the error that it
 * ends with.
 */
export function activityFields({ info }: Context): ActivityInterceptors {
  const { workflowExecution: workflow, activityType: activity } = info;
  let fields: LogFields = {
    activity,
    ...(workflow === undefined ? {} : ofWorkflow(workflow.workflowId)),
    ...(workflow === undefined ? {} : { workflowId: workflow.workflowId, runId: workflow.runId }),
  };
  return {
    inbound: {
      execute: (input, next) => {
        fields = { ...fields, ...idsIn(input.args[0]) };
        noteOnSpan(fields);
        return withLogFields(fields, () => next(input)).catch((error: unknown) => {
          if (error instanceof ApplicationFailure) noteOnSpan({ errorType: error.type ?? error.name });
          throw error;
        });
      },
    },
    outbound: { getLogAttributes: (input, next) => next({ ...input, ...fields }) },
  };
}

function ofWorkflow(workflowId: string): LogFields {
  const systemId = systemOfWorkflow(workflowId);
  return systemId === undefined ? {} : { systemId };
}

/** Every activity takes one object, and one that is about a system or an upload names it so. */
function idsIn(input: unknown): Pick<LogFields, 'systemId' | 'uploadId'> {
  if (typeof input !== 'object' || input === null) return {};
  const ids: Pick<LogFields, 'systemId' | 'uploadId'> = {};
  if ('systemId' in input && typeof input.systemId === 'string') ids.systemId = input.systemId;
  if ('uploadId' in input && typeof input.uploadId === 'string') ids.uploadId = input.uploadId;
  return ids;
}
