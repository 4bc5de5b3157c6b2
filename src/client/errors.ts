import { isGrpcServiceError, WorkflowFailedError } from '@temporalio/client';
import {
  ApplicationFailure,
  CancelledFailure,
  NamespaceNotFoundError,
  TemporalFailure,
  WorkflowNotFoundError,
} from '@temporalio/common';
import { AkoshaError, ERROR_TYPES, messageOf, type ErrorType } from '../contract/index.js';

/** Status codes of gRPC that say something about the connection and not about the request. */
export const GRPC = {
  cancelled: 1,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** Longer chains are loops. */
const MOST_CAUSES = 10;

/** Names the server in messages. */
export interface TemporalPlace {
  address: string;
  namespace: string;
}

/** Temporal cannot be reached. */
export function orchestratorUnavailable(
  { address }: Pick<TemporalPlace, 'address'>,
  cause: unknown,
): AkoshaError {
  return new AkoshaError(
    'OrchestratorUnavailable',
    `Temporal does not answer at ${address}: ${messageOf(deepestCause(cause))}; ` +
      'start it, or set TEMPORAL_ADDRESS to where it is',
    { cause, details: { address } },
  );
}

/** The caller's own connection was closed before the answer came. */
export function connectionClosed(cause?: unknown): AkoshaError {
  return new AkoshaError('Cancelled', 'the connection to Temporal was closed', { cause });
}

/**
 * What a failed request to Temporal means: `OrchestratorUnavailable`, `Cancelled` where we closed the connection, `SettingsInvalid` where it turns us away,
 * `BadRequest` for a workflow that does not exist, or, of a workflow that failed, the error it failed with. Anything else is
 * returned as it is.
 */
export function translateError(error: unknown, place: TemporalPlace): unknown {
  if (error instanceof WorkflowFailedError) return workflowFailure(error);
  if (error instanceof WorkflowNotFoundError) {
    return new AkoshaError('BadRequest', `Temporal knows no workflow ${error.workflowId}`, { cause: error });
  }
  if (error instanceof NamespaceNotFoundError) {
    return new AkoshaError(
      'SettingsInvalid',
      `Temporal at ${place.address} has no namespace ${place.namespace}: create it, or set TEMPORAL_NAMESPACE`,
      { cause: error },
    );
  }
  switch (grpcCode(error)) {
    case GRPC.cancelled:
      return connectionClosed(error);
    case GRPC.unavailable:
    case GRPC.deadlineExceeded:
      return orchestratorUnavailable(place, error);
    case GRPC.permissionDenied:
    case GRPC.unauthenticated:
      return new AkoshaError(
        'SettingsInvalid',
        `Temporal at ${place.address} refuses us: ${messageOf(deepestCause(error))}; check TEMPORAL_API_KEY and TEMPORAL_TLS_…`,
        { cause: error },
      );
    default:
      return error;
  }
}

/** The status code of the gRPC error in or behind this one. */
function grpcCode(error: unknown): number | undefined {
  return causesOf(error).find(isGrpcServiceError)?.code;
}

/** The error of our own list that made a workflow fail, as it was thrown in an activity or by the workflow. */
function workflowFailure(error: WorkflowFailedError): Error {
  for (const cause of causesOf(error)) {
    if (cause instanceof CancelledFailure) {
      return new AkoshaError('Cancelled', 'the workflow was cancelled', { cause: error });
    }
    if (cause instanceof ApplicationFailure && isErrorType(cause.type)) {
      return new AkoshaError(cause.type, cause.message, { cause: error, details: detailsOf(cause) });
    }
  }
  const deepest = deepestCause(error);
  return deepest instanceof TemporalFailure
    ? new Error(`${error.message}: ${deepest.message}`, { cause: error })
    : error;
}

function isErrorType(type: unknown): type is ErrorType {
  return typeof type === 'string' && Object.hasOwn(ERROR_TYPES, type);
}

function detailsOf({ details }: ApplicationFailure): Record<string, unknown> {
  const [first] = details ?? [];
  return typeof first === 'object' && first !== null ? { ...first } : {};
}

function deepestCause(error: unknown): unknown {
  return causesOf(error).at(-1);
}

/** The error itself, its cause, the cause of that, and so on. */
function causesOf(error: unknown): unknown[] {
  const chain = [error];
  while (chain.length < MOST_CAUSES) {
    const last = chain.at(-1);
    if (!(last instanceof Error) || last.cause === undefined) break;
    chain.push(last.cause);
  }
  return chain;
}
