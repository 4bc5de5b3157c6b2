import { S3Client } from '@aws-sdk/client-s3';
import { CALL_MS, CircuitBreaker } from '../runtime/index.js';
import { Bandwidth } from './bandwidth.js';
import type { ObjectStoreOptions } from './object-store.js';
import type { S3Connection } from './s3-connection.js';
import { guardRequests } from './s3-transport.js';
import { PART_SIZE_MB, type S3Location } from './url.js';

const MIB = 1024 * 1024;

export interface S3Limits {
  /** A host that is up accepts within a round trip; 5 s bears a lost packet or two. */
  connectMs: number;
  /**
   * No byte either way, and from the last byte of a request to the first of its answer: the 30 s that a remote has for a call. It
   * is not for a whole request, which may carry gigabytes over a slow line. A server that takes longer to join the parts of
   * a large upload sends blanks meanwhile.
   */
  idleMs: number;
  /** The first try and one more, for the connection that was closed while idle. Longer waits are the caller's. */
  tries: number;
  /** S3's own limit of 5 GiB for a body in one request. Bytes. */
  maxWhole: number;
}

const S3_LIMITS: S3Limits = { connectMs: 5_000, idleMs: CALL_MS, tries: 2, maxWhole: 5 * 1024 ** 3 };

const ignore = (): void => undefined;

/** The SDK's own logger writes to the console: an error that it would tell of there is raised to the caller anyway. */
const QUIET = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };

/** A client for one bucket, its requests under the rules of this program. Reaches out to nothing yet. */
export function connect(
  location: S3Location,
  options: ObjectStoreOptions,
  given: Partial<S3Limits>,
): S3Connection {
  const limits = { ...S3_LIMITS, ...given };
  const checksums = location.checksums === 'supported' ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED';
  const partSizeMb = location.partSizeMb ?? Math.max(PART_SIZE_MB.least, options.partSizeMb ?? 0);
  const partSize = partSizeMb * MIB;
  const client = new S3Client({
    ...(location.endpoint === undefined ? {} : { endpoint: location.endpoint }),
    ...(location.region === undefined ? {} : { region: location.region }),
    forcePathStyle: location.pathStyle,
    requestChecksumCalculation: checksums,
    responseChecksumValidation: checksums,
    maxAttempts: limits.tries,
    logger: QUIET,
    requestHandler: { connectionTimeout: limits.connectMs, socketTimeout: limits.idleMs },
    // Asks before it sends a large file in one request, but not before each part: the SDK opens a connection for every request that asks.
    expectContinueHeader: partSize + 1,
  });
  const name = options.name ?? 'object-store';
  guardRequests(client, {
    breaker: options.breakers?.of({ name }) ?? new CircuitBreaker({ name }),
    bandwidth: options.bytesPerSecond === undefined ? undefined : new Bandwidth(options.bytesPerSecond),
    answerMs: limits.idleMs,
    onListRequest: options.onListRequest,
  });
  return { client, location, partSize, maxWhole: limits.maxWhole };
}
