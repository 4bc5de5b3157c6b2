import { z } from 'zod';
import { setting } from './details.js';
import * as shape from './shapes.js';

const WEB_ADDRESS = 'an http:// or https:// URL without user, password, query and fragment';

/**
 * How uploads reach the server. All but the last three are Session-Buddy's, with its defaults and bounds; `system_id` is the
 * thirteenth of those.
 */
export const SYNC_SETTINGS = {
  cloudBucket: setting(shape.bucketName().optional(), {
    group: 'Upload',
    rule: '3 to 63 lower-case letters, digits, "-" and ".", beginning and ending with a letter or digit, and no IP address',
    description:
      'The bucket to upload to. With `cloud_endpoint` and `cloud_region` it makes the object store’s URL where `object_store` is not set.',
    sessionBuddy: true,
  }),
  cloudEndpoint: setting(shape.webAddress().optional(), {
    group: 'Upload',
    rule: WEB_ADDRESS,
    description:
      'The S3 server of `cloud_bucket`; absent, Amazon’s own. Never where the HTTP method sends to.',
    sessionBuddy: true,
  }),
  cloudRegion: setting(z.string().regex(/^[a-z0-9-]{1,64}$/), {
    group: 'Upload',
    rule: '1 to 64 lower-case letters, digits and "-"',
    description:
      'The region of `cloud_bucket`. `auto` is that for Cloudflare R2; elsewhere it leaves the region to the AWS variables and profile, or to `us-east-1` with an endpoint.',
    initial: 'auto',
    sessionBuddy: true,
  }),
  uploadOnSessionEnd: setting(shape.flag(), {
    group: 'Upload',
    rule: 'true or false',
    description: 'Whether the end of a session asks for an upload.',
    initial: true,
    sessionBuddy: true,
  }),
  enableFallback: setting(shape.flag(), {
    group: 'Upload',
    rule: 'true or false',
    description: 'Whether the HTTP method is tried where the cloud method is unavailable or fails.',
    initial: true,
    sessionBuddy: true,
  }),
  forceMethod: setting(z.enum(['auto', 'cloud', 'http']), {
    group: 'Upload',
    rule: 'auto, cloud or http',
    description:
      'The one method to use; `auto` goes through those that are configured. `cloud` needs `object_store` or `cloud_bucket`; `http` needs no more than a server on this machine.',
    initial: 'auto',
    sessionBuddy: true,
  }),
  uploadTimeoutSeconds: setting(shape.wholeNumber(30, 3600), {
    group: 'Upload',
    rule: 'a whole number from 30 to 3600',
    description:
      'How long an upload may stand still before it fails and is tried again: with object storage, without a byte going out or an answer coming in; with the HTTP method, until a request is answered. One that moves, however slowly, is not cut off.',
    initial: 300,
    sessionBuddy: true,
  }),
  maxRetries: setting(shape.wholeNumber(0, 10), {
    group: 'Upload',
    rule: 'a whole number from 0 to 10',
    description:
      'How often a method is tried again before the next one is; 0 is one try. After the last method the outbox takes over.',
    initial: 3,
    sessionBuddy: true,
  }),
  retryBackoffSeconds: setting(shape.decimal(0.1, 60), {
    group: 'Upload',
    rule: 'a number from 0.1 to 60',
    description:
      'The pause before the first of them, give or take a quarter; it doubles with each, to ten minutes at most.',
    initial: 2,
    sessionBuddy: true,
  }),
  enableCompression: setting(shape.flag(), {
    group: 'Upload',
    rule: 'true or false',
    description: 'Whether files are uploaded as gzip.',
    initial: true,
    sessionBuddy: true,
  }),
  enableDeduplication: setting(shape.flag(), {
    group: 'Upload',
    rule: 'true or false',
    description: 'Whether nothing is uploaded where no row has changed.',
    initial: true,
    sessionBuddy: true,
  }),
  chunkSizeMb: setting(shape.wholeNumber(1, 100), {
    group: 'Upload',
    rule: 'a whole number of MiB from 1 to 100',
    description: 'Size of one part of a multipart upload. S3 takes no part under 5 MiB, so less counts as 5.',
    initial: 5,
    sessionBuddy: true,
  }),

  serverUrl: setting(shape.webAddress().optional(), {
    group: 'Upload',
    rule: WEB_ADDRESS,
    description:
      'The Akosha server that the HTTP method sends memories to, for hosts without a bucket. Never the object store’s host.',
    initialText: 'none; with `force_method: http` the server on this machine, http://127.0.0.1:`port`',
  }),
  serverToken: setting(z.string().min(16).optional(), {
    group: 'Upload',
    rule: 'a text of at least 16 characters',
    description: 'The token that this server asks for: its `api_token`.',
    initialText: '`api_token`',
    secret: true,
  }),
  allowInsecureHttp: setting(shape.flag(), {
    group: 'Upload',
    rule: 'true or false',
    description:
      'Whether `http://` is accepted beyond loopback and private addresses. Memories, notices and alerts with their keys then cross the network readable by whoever is on the way; a host name counts as public, because what it resolves to can change.',
    initial: false,
  }),

  uploadKbPerSecond: setting(shape.wholeNumber(0, 10_000_000), {
    group: 'Upload',
    rule: 'a whole number of KiB a second from 0 to 10000000',
    description: 'The most that an upload to object storage takes of the line; 0 is all it can get.',
    initial: 0,
  }),
  outboxDiskMb: setting(shape.wholeNumber(1, 1_048_576), {
    group: 'Upload',
    rule: 'a whole number of MiB from 1 to 1048576',
    description:
      'Disk that snapshots waiting for delivery may take, compressed. Beyond it the oldest are dropped, never the newest, which holds the whole databases. The default is room for the newest and a half-sent one of the largest that are usual, about 1 GB each.',
    initial: 2048,
  }),
};
