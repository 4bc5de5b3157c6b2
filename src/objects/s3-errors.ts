import { AkoshaError, type ErrorType, isAkoshaError, messageOf } from '../contract/index.js';
import { cancelled, isAbortError } from './cancel.js';
import { codeOf } from './local-files.js';
import type { S3Location } from './url.js';

/** What was being done, for the message. */
export interface S3Request {
  verb: 'put' | 'get' | 'head' | 'list' | 'delete' | 'check' | 'abort uploads';
  /** The key or prefix as the caller gave it. */
  key: string;
  signal?: AbortSignal | undefined;
}

const HELP: Partial<Record<ErrorType, string>> = {
  ObjectStoreRefused:
    'check the URL in AKOSHA_OBJECT_STORE or AKOSHA_ARCHIVE_STORE, and the AWS credentials and their permissions',
  ObjectStoreUnavailable:
    'check that the endpoint in AKOSHA_OBJECT_STORE or AKOSHA_ARCHIVE_STORE is up and reachable',
};

/** Error codes that say more than their HTTP status. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const BY_NAME: Readonly<Record<string, ErrorType>> = {
  NoSuchKey: 'ObjectNotFound',
  PreconditionFailed: 'ObjectExists',
  NoSuchBucket: 'ObjectStoreRefused',
  CredentialsProviderError: 'ObjectStoreRefused',
  SlowDown: 'ObjectStoreUnavailable',
  InternalError: 'ObjectStoreUnavailable',
  ServiceUnavailable: 'ObjectStoreUnavailable',
  // Status 400, but the server's or the network's slowness.
  RequestTimeout: 'ObjectStoreUnavailable',
  // The multipart upload is gone: cleaned up by the bucket's rule, or completed by a request whose answer was lost.
  NoSuchUpload: 'ObjectStoreUnavailable',
  ConditionalRequestConflict: 'ObjectStoreUnavailable',
  OperationAborted: 'ObjectStoreUnavailable',
  BadDigest: 'ObjectCorrupt',
  XAmzContentSHA256Mismatch: 'ObjectCorrupt',
  XAmzContentChecksumMismatch: 'ObjectCorrupt',
  InvalidPart: 'ObjectCorrupt',
};

/**
 * Turns what the AWS SDK throws into an `AkoshaError`. Of a server's answer only the code and status go into the message,
 * not its text or headers, which repeat parts of the signed request.
 */
export function s3Error(error: unknown, request: S3Request, location: S3Location): AkoshaError {
  if (isAkoshaError(error)) return error;
  const doing = describe(request, location);
  if (isAbortError(error) || request.signal?.aborted === true) return cancelled(doing, error);
  const { name, status } = answerOf(error);
  const type = status === undefined ? typeOfFault(error, name) : typeOfAnswer(name, status);
  const reason = status === undefined ? messageOf(error) : `${name} (HTTP ${status})`;
  const help = HELP[type] === undefined ? '' : `; ${HELP[type]}`;
  return new AkoshaError(type, `${doing}: ${reason}${help}`, {
    ...(status === undefined ? { cause: error } : {}),
    details: { key: request.key, bucket: location.bucket, code: name, status: status ?? null },
  });
}

/** `get "a/b" in bucket memories at https://…`. */
export function describe(request: S3Request, location: S3Location): string {
  const key = JSON.stringify(location.prefix + request.key);
  return `${request.verb} ${key} in bucket ${location.bucket} at ${location.endpoint ?? 'Amazon S3'}`;
}

/** One key's failure in the answer to a batch, which as a whole is a success. */
export function deleteError(
  failure: { Code?: string | undefined; Key?: string | undefined },
  location: S3Location,
): AkoshaError | undefined {
  const code = failure.Code ?? 'InternalError';
  if (code === 'NoSuchKey') return undefined;
  const denied = code === 'AccessDenied';
  const key = (failure.Key ?? '').slice(location.prefix.length);
  return s3Error(
    { name: code, $metadata: { httpStatusCode: denied ? 403 : 500 } },
    { verb: 'delete', key },
    location,
  );
}

/** A create-only put met another one in progress; who wins is not known yet. */
export function isConditionalConflict(error: unknown): boolean {
  const { name, status } = answerOf(error);
  return status === 409 && (name === 'ConditionalRequestConflict' || name === 'OperationAborted');
}

/** An answer to HEAD has no body, hence no code: its name is made from the status. */
export function isMissing(error: unknown): boolean {
  const { name, status } = answerOf(error);
  return status === 404 && name !== 'NoSuchBucket';
}

/** The multipart upload is gone: aborted, or completed by a request whose answer was lost. */
export function isNoSuchUpload(error: unknown): boolean {
  return answerOf(error).name === 'NoSuchUpload';
}

/** Codes of status 400 that are about the credentials: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const OF_CREDENTIALS: ReadonlySet<string> = new Set(['ExpiredToken', 'InvalidToken', 'TokenRefreshRequired']);

/**
 * A listing's continuation token was refused. Servers have many codes for it (Amazon's is InvalidArgument): where it was none, the
 * listing that begins anew is refused as well, and says why.
 */
export function isBadCursor(error: unknown): boolean {
  const { name, status } = answerOf(error);
  return status === 400 && BY_NAME[name] === undefined && !OF_CREDENTIALS.has(name);
}

/** The server answered, and will not do it for us: no permission, or a server that does not know such a request. */
export function isRefused(error: unknown): boolean {
  const { status } = answerOf(error);
  return status === 403 || status === 405 || status === 501;
}

function typeOfAnswer(name: string, status: number): ErrorType {
  const named = BY_NAME[name];
  if (named !== undefined) return named;
  if (status === 404) return 'ObjectNotFound';
  if (status === 412) return 'ObjectExists';
  if (status === 408 || status === 409 || status === 429) return 'ObjectStoreUnavailable';
  // 501: the server does not know the request at all, and will not tomorrow.
  return status >= 500 && status !== 501 ? 'ObjectStoreUnavailable' : 'ObjectStoreRefused';
}

/** No answer came: the network, or the SDK itself. Not knowing better, it is worth another try. */
function typeOfFault(error: unknown, name: string): ErrorType {
  const named = BY_NAME[name];
  if (named !== undefined) return named;
  const message = messageOf(error);
  if (message.startsWith('Checksum mismatch')) return 'ObjectCorrupt';
  if (message.includes('Region is missing')) return 'ObjectStoreRefused';
  return /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS/.test(codeOf(error) ?? '')
    ? 'ObjectStoreRefused'
    : 'ObjectStoreUnavailable';
}

function answerOf(error: unknown): { name: string; status: number | undefined } {
  const metadata = property(error, '$metadata');
  const status = property(metadata, 'httpStatusCode');
  const name = property(error, 'name');
  return {
    name: typeof name === 'string' ? name : 'UnknownError',
    status: typeof status === 'number' ? status : undefined,
  };
}

function property(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  const found: unknown = Reflect.get(value, name);
  return found;
}
