import { z } from 'zod';

/** An object that somebody says was written. */
export interface ObjectCreated {
  /** Undefined where the sender does not say. */
  bucket: string | undefined;
  /** As it stands in the bucket, the prefix of the store's URL included. */
  key: string;
}

/**
 * `https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html`, which MinIO, Ceph and fauxqs send as well
 * (MinIO with `s3:` before the event's name). Keys are encoded as in a form: `+` for a blank.
 */
const S3Message = z.object({
  Records: z.array(
    z.object({
      eventName: z.string(),
      s3: z.object({ bucket: z.object({ name: z.string() }), object: z.object({ key: z.string() }) }),
    }),
  ),
});

/** What S3 sends once when notifications are set up. */
const S3TestEvent = z.object({ Event: z.literal('s3:TestEvent') });

/** `https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html`. Here keys are not encoded. */
const EventBridge = z.object({
  source: z.literal('aws.s3'),
  'detail-type': z.string(),
  detail: z.object({ bucket: z.object({ name: z.string() }), object: z.object({ key: z.string() }) }),
});

/** `https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html`: a message of S3's or EventBridge's as a text. */
const SnsNotification = z.object({ Type: z.literal('Notification'), Message: z.string() });

/** `https://developers.cloudflare.com/r2/buckets/event-notifications/`, as a consumer of the queue passes it on. */
const R2Message = z.object({
  account: z.string(),
  action: z.string(),
  bucket: z.string(),
  object: z.object({ key: z.string() }),
});

/**
 * SeaweedFS's filer (`[notification.webhook]`). `key` is the path in its file system, where a bucket is a folder of `/buckets`;
 * `message` is its own record, of which nothing is needed.
 */
const SeaweedFsMessage = z.object({
  key: z.string().startsWith('/'),
  event_type: z.enum(['create', 'update', 'delete', 'rename']),
  message: z.unknown(),
});

/** Where SeaweedFS keeps buckets, by default. */
const SEAWEEDFS_BUCKETS = /^\/buckets\/([^/]+)\/(.+)$/s;

/** R2's names of what leaves an object behind. */
const R2_CREATING = new Set(['PutObject', 'CopyObject', 'CompleteMultipartUpload']);

/** An SNS message may hold one of S3's, and that of a forwarding topic one of SNS's; nobody nests deeper. */
const MAX_NESTING = 3;

/**
 * The objects that a message says were written: of S3, EventBridge, SNS around either, R2, MinIO, SeaweedFS, or an array of
 * such. Empty for one that tells of something else, such as a test or a removal. Undefined for what is in none of these forms.
 */
export function parseEvents(message: unknown, nesting = 0): ObjectCreated[] | undefined {
  if (Array.isArray(message)) return parseAll(message, nesting);
  if (S3TestEvent.safeParse(message).success) return [];
  const s3 = S3Message.safeParse(message);
  if (s3.success) return s3.data.Records.filter(({ eventName }) => isCreation(eventName)).flatMap(fromS3);
  const bridged = EventBridge.safeParse(message);
  if (bridged.success) return fromEventBridge(bridged.data);
  const r2 = R2Message.safeParse(message);
  if (r2.success) {
    return R2_CREATING.has(r2.data.action) ? [{ bucket: r2.data.bucket, key: r2.data.object.key }] : [];
  }
  const seaweed = SeaweedFsMessage.safeParse(message);
  if (seaweed.success) return fromSeaweedFs(seaweed.data);
  const wrapped = SnsNotification.safeParse(message);
  return wrapped.success && nesting < MAX_NESTING
    ? parseEventText(wrapped.data.Message, nesting + 1)
    : undefined;
}

/** The same of a text of JSON. */
export function parseEventText(text: string, nesting = 0): ObjectCreated[] | undefined {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return undefined;
  }
  return parseEvents(message, nesting);
}

function parseAll(messages: readonly unknown[], nesting: number): ObjectCreated[] | undefined {
  if (nesting >= MAX_NESTING) return undefined;
  const all: ObjectCreated[] = [];
  for (const message of messages) {
    const created = parseEvents(message, nesting + 1);
    if (created === undefined) return undefined;
    for (const event of created) all.push(event);
  }
  return all;
}

function isCreation(eventName: string): boolean {
  return /^(s3:)?ObjectCreated:/.test(eventName);
}

/** A key whose escapes are no text is nobody's manifest, since ours are all well-formed. */
function fromS3({ s3 }: z.output<typeof S3Message>['Records'][number]): ObjectCreated[] {
  try {
    const key = decodeURIComponent(s3.object.key.replaceAll('+', ' '));
    return [{ bucket: s3.bucket.name, key }];
  } catch {
    return [];
  }
}

function fromEventBridge({
  'detail-type': type,
  detail: { bucket, object },
}: z.output<typeof EventBridge>): ObjectCreated[] {
  return type === 'Object Created' ? [{ bucket: bucket.name, key: object.key }] : [];
}

/** A rename leaves an object under a name that this message does not hold whole; the daily walk finds such a one. */
function fromSeaweedFs({ key: path, event_type }: z.output<typeof SeaweedFsMessage>): ObjectCreated[] {
  if (event_type !== 'create' && event_type !== 'update') return [];
  const [, bucket, key] = SEAWEEDFS_BUCKETS.exec(path) ?? [];
  return bucket === undefined || key === undefined ? [] : [{ bucket, key }];
}
