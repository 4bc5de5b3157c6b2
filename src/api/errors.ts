import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { isAkoshaError, type AkoshaError, type ErrorType } from '../contract/index.js';
import type { App } from './app.js';
import type { ErrorReply } from './schemas.js';

/** Where an error's status is neither 500 (permanent) nor 503 (worth another try). */
const STATUS: Partial<Record<ErrorType, number>> = {
  BadRequest: 400,
  ObjectNotFound: 404,
  MemoryUnknown: 404,
  UploadUnknown: 404,
  ForgetUnknown: 404,
  ObjectExists: 409,
  MoveUnderWay: 409,
  ForgetUnfinished: 409,
  MovingStopped: 409,
  UploadReplaced: 409,
  UploadStateMismatch: 409,
  UploadGone: 410,
  UploadUnreadable: 422,
  DatabaseUnreadable: 422,
  ModelUnavailable: 422,
};

/** Failures that come before any of the program's own code, by Fastify's name for them. */
const HTTP_FAULTS: Readonly<Record<string, { code: string; message: string }>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'PayloadTooLarge', message: 'the body must not exceed 1 MiB' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'UnsupportedMediaType',
    message: 'the body must be JSON, sent with Content-Type: application/json',
  },
  FST_ERR_CTP_INVALID_JSON_BODY: { code: 'BadRequest', message: 'the body is not valid JSON' },
};

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

interface Answer {
  status: number;
  body: z.infer<typeof ErrorReply>;
}

export function errorBody(
  code: string,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): Answer['body'] {
  return { error: { code, message, ...(Object.keys(details).length === 0 ? {} : { details }) } };
}

/** One shape for everything that goes wrong. What is not made for clients goes to the log alone. */
export function answerErrors(app: App): void {
  app.setErrorHandler((error: FastifyError | AkoshaError, request, reply) => {
    const { status, body } = isAkoshaError(error) ? ofAkosha(error) : ofFastify(error, request);
    if (status >= 500) request.log.error({ err: error, requestId: request.id }, 'a request failed');
    return reply.code(status).send(body);
  });
  app.setNotFoundHandler((request, reply) => answerNotFound(app, request, reply));
}

function ofAkosha({ type, message, details, permanent }: AkoshaError): Answer {
  return { status: STATUS[type] ?? (permanent ? 500 : 503), body: errorBody(type, message, details) };
}

function ofFastify(error: FastifyError, request: FastifyRequest): Answer {
  if (hasZodFastifySchemaValidationErrors(error)) {
    const fields = error.validation.map(brokenRule);
    const message = fields.map(({ field, rule }) => `${field} ${rule}`).join('; ');
    return { status: 400, body: errorBody('BadRequest', message, { fields }) };
  }
  const { code = '', statusCode: status = 500 } = error;
  const fault = HTTP_FAULTS[code];
  if (fault !== undefined) return { status, body: errorBody(fault.code, fault.message) };
  if (status < 500) return { status, body: errorBody('BadRequest', error.message) };
  const message = `internal error: the server's log has it as request ${request.id}`;
  return { status, body: errorBody('Internal', message) };
}

interface BrokenRule {
  field: string;
  rule: string;
}

function brokenRule(issue: {
  instancePath: string;
  message?: string;
  params: Record<string, unknown>;
}): BrokenRule {
  const { keys } = issue.params;
  if (Array.isArray(keys)) return { field: keys.join(', '), rule: 'is not known here' };
  const field = issue.instancePath.slice(1).replaceAll('/', '.');
  return { field: field === '' ? 'the body' : field, rule: issue.message ?? 'is not valid' };
}

function answerNotFound(app: App, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = request.url.split('?', 1)[0] ?? '/';
  const allowed = METHODS.filter((method) => app.hasRoute({ method, url: path }));
  if (allowed.length === 0) return reply.code(404).send(errorBody('NotFound', `there is no ${path} here`));
  const message = `${path} does not take ${request.method}, only ${allowed.join(', ')}`;
  return reply.code(405).header('allow', allowed.join(', ')).send(errorBody('MethodNotAllowed', message));
}
