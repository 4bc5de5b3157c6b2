/**
 * Every error type the program raises, by name. A name is public: it is the `type` of Temporal's
 * `ApplicationFailure`, the `error.code` of a REST answer and the key of a runbook line, so it never changes.
 * `permanent` says that trying again without a person's help cannot succeed.
 */
export const ERROR_TYPES = {
  SettingsInvalid: { permanent: true, meaning: 'a setting is missing or out of its bounds' },
  ObjectNotFound: { permanent: true, meaning: 'the object store has no such object' },
  ObjectExists: { permanent: true, meaning: 'a create-only put found the key taken' },
  ObjectStoreRefused: {
    permanent: true,
    meaning: 'the object store refused the request: credentials, permission or bucket',
  },
  ObjectStoreUnavailable: {
    permanent: false,
    meaning: 'the object store did not answer, or asked to slow down',
  },
  ListingExpired: { permanent: true, meaning: 'the object store no longer takes the cursor of a listing' },
  ObjectCorrupt: { permanent: false, meaning: 'bytes read back differ from the bytes written' },
  UploadUnreadable: { permanent: true, meaning: 'an upload breaks a rule and goes to quarantine' },
  UploadReplaced: { permanent: true, meaning: 'an upload id is already taken by other content' },
  MemoryUnknown: { permanent: true, meaning: 'no memory of this key is in the store' },
  MoveUnderWay: { permanent: true, meaning: 'memories of this system are being moved already' },
  UploadUnknown: { permanent: true, meaning: 'no upload of this name is on record' },
  UploadStateMismatch: { permanent: true, meaning: 'the upload is not in the state that this needs' },
  UploadGone: { permanent: true, meaning: 'the upload’s files were deleted by retention' },
  ForgetUnknown: { permanent: true, meaning: 'nothing of this name is forgotten' },
  ForgetUnfinished: { permanent: true, meaning: 'it is still being erased' },
  SystemForgotten: {
    permanent: true,
    meaning: 'all memories of the system are forgotten, and none is taken in',
  },
  DatabaseUnreadable: { permanent: true, meaning: 'a DuckDB file cannot be read by this build' },
  SnapshotTorn: { permanent: false, meaning: 'the database changed while it was being copied' },
  NothingToUpload: { permanent: true, meaning: 'none of the named databases exists' },
  ReaderFailed: { permanent: false, meaning: 'a reader process died or ran out of its limits' },
  OperationClosed: { permanent: false, meaning: 'the operation was closed by someone else; start a new one' },
  WriteSetStale: {
    permanent: false,
    meaning: 'a row became needed after the write set was made; start a new operation',
  },
  StoreLocked: { permanent: true, meaning: 'another process owns the store' },
  StoreDamaged: { permanent: true, meaning: 'a file of the store cannot be opened' },
  StoreLost: {
    permanent: true,
    meaning: 'the store is not there, and object storage has what it was made of',
  },
  DiskFull: { permanent: false, meaning: 'a disk has no room for what is written to it' },
  MemoryExceeded: { permanent: false, meaning: 'what was asked needs more memory than a setting allows' },
  MovingStopped: {
    permanent: true,
    meaning: 'a scrub found a mismatch: nothing is moved or deleted until a person has released it',
  },
  StoreBusy: { permanent: false, meaning: 'what was asked of the store did not get its turn in time' },
  StoreClosed: { permanent: false, meaning: 'the store is shutting down' },
  VerifyFailed: { permanent: false, meaning: 'a copy does not equal its source' },
  ModelUnavailable: { permanent: true, meaning: 'the embedding model is not installed' },
  OrchestratorUnavailable: { permanent: false, meaning: 'Temporal does not answer' },
  QueueUnavailable: { permanent: false, meaning: 'the queue of events does not answer, or refuses' },
  ServerUnavailable: { permanent: false, meaning: 'the akosha server does not answer' },
  ServerMissing: { permanent: true, meaning: 'a server program (Temporal, S3) is not installed' },
  BundleMissing: { permanent: true, meaning: 'the workflows were not built' },
  ServerFailed: {
    permanent: false,
    meaning: 'a server program (Temporal, S3) did not start or does not answer',
  },
  // Not permanent: whether another try can help is told by their cause.
  CloudUploadError: { permanent: false, meaning: 'an upload did not reach the object store' },
  HTTPSyncError: { permanent: false, meaning: 'an upload, or part of it, did not reach the HTTP server' },
  HybridSyncError: {
    permanent: false,
    meaning: 'no method delivered an upload; the message names each reason',
  },
  WebhookFailed: {
    permanent: false,
    meaning: 'the receiver of notices did not answer, or said that it cannot take one now',
  },
  WebhookRefused: { permanent: true, meaning: 'the receiver of notices does not take them: URL or secret' },
  BadRequest: { permanent: true, meaning: 'the request breaks a rule named in the message' },
  // Not permanent: whoever asks again is not the one who gave up.
  Cancelled: { permanent: false, meaning: 'the caller gave up' },
} as const;

export type ErrorType = keyof typeof ERROR_TYPES;

/** The types a retry policy must not retry, in the form Temporal's `nonRetryableErrorTypes` wants. */
export const PERMANENT_ERROR_TYPES: string[] = Object.entries(ERROR_TYPES)
  .filter(([, rule]) => rule.permanent)
  .map(([type]) => type);

/** An error with a type of the list above. `details` holds plain JSON for the reader: ids, sizes, the setting to change. */
export class AkoshaError extends Error {
  override readonly name = 'AkoshaError';
  readonly type: ErrorType;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    type: ErrorType,
    message: string,
    options: { cause?: unknown; details?: Record<string, unknown> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.type = type;
    this.details = options.details ?? {};
  }

  get permanent(): boolean {
    return ERROR_TYPES[this.type].permanent;
  }
}

export function isAkoshaError(error: unknown, type?: ErrorType): error is AkoshaError {
  return error instanceof AkoshaError && (type === undefined || error.type === type);
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** DuckDB's errors of these classes quote the value that they are about, at whatever length. Others name tables, columns and files. */
const ERROR_ABOUT_A_VALUE =
  /\b((?:Conversion|Invalid Input|Constraint|Out of Range|Mismatch Type|Invalid Type) Error): (?=\S)[\s\S]*/;

/** Where the value stood, which tells more than the value did. */
const SOURCE_COLUMN = /when casting from source column (\w{1,64})/;

/** Node's JSON parser quotes where it stopped. */
const JSON_EXCERPT = /Unexpected (?:token|non-whitespace|end)[\s\S]*?(?:is not valid JSON|after JSON)[^\n]*/g;

/** An error's text without the values that it repeats: a value is part of somebody's memory, and an error is told to the log, to Temporal and to receipts. */
export function withoutValues(text: string): string {
  return text
    .replace(ERROR_ABOUT_A_VALUE, (told: string, kind: string) => {
      const column = SOURCE_COLUMN.exec(told)?.[1];
      return `${kind} (of a value${column === undefined ? '' : ` in column ${column}`})`;
    })
    .replaceAll(JSON_EXCERPT, 'a character that JSON does not allow there');
}
