import {
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SQSClient,
  type QueueAttributeName,
} from '@aws-sdk/client-sqs';
import { z } from 'zod';
import { CALL_MS, type CircuitBreaker } from '../runtime/index.js';
import type { EventQueue, QueueMessage } from './event-queue.js';

/** SQS's longest: the fewest requests, and a message is handed out as soon as it comes all the same. Seconds. */
const LONG_POLL_SECONDS = 20;

/** SQS's most in one answer. */
const BATCH = 10;

/** As with object storage: a host that is up accepts within a round trip, and one more try is for a connection that was closed. */
const CONNECT_MS = 5_000;
const TRIES = 2;

const ignore = (): void => undefined;

/** The SDK's own logger writes to the console. */
const QUIET = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };

/** `deadLetterTargetArn` is `arn:aws:sqs:<region>:<account>:<queue>`; always of the queue's own region and account. */
const RedrivePolicy = z.object({
  deadLetterTargetArn: z.string().regex(/^arn:[^:]+:sqs:[^:]*:[^:]*:[^:]+$/),
});

/**
 * An SQS queue by its URL. Credentials are found as those of object storage are, by the AWS SDK. Reaches out to nothing yet; its
 * calls go through the breaker and raise what the SDK raises.
 */
export function openSqsQueue(queueUrl: string, breaker: CircuitBreaker): EventQueue {
  const client = new SQSClient({
    endpoint: new URL(queueUrl).origin,
    ...regionOf(queueUrl),
    // Else the name of the dead-letter queue's URL, which a server behind a proxy may make up, would be called instead.
    useQueueUrlAsEndpoint: false,
    maxAttempts: TRIES,
    logger: QUIET,
    requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: CALL_MS },
  });
  const attributes = async (url: string, names: QueueAttributeName[], signal: AbortSignal) => {
    const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: names });
    return (await client.send(command, { abortSignal: signal })).Attributes ?? {};
  };
  const messagesIn = async (url: string, signal: AbortSignal): Promise<number> =>
    Number((await attributes(url, ['ApproximateNumberOfMessages'], signal)).ApproximateNumberOfMessages);
  let deadLetterUrl: string | null | undefined;

  async function findDeadLetterQueue(signal: AbortSignal): Promise<string | null> {
    const policy = (await attributes(queueUrl, ['RedrivePolicy'], signal)).RedrivePolicy;
    if (policy === undefined) return null;
    const QueueName = RedrivePolicy.parse(JSON.parse(policy)).deadLetterTargetArn.split(':').at(-1);
    const found = await client.send(new GetQueueUrlCommand({ QueueName }), { abortSignal: signal });
    return found.QueueUrl ?? null;
  }

  return {
    receive: (caller) =>
      breaker.run(
        async (signal) => {
          const command = new ReceiveMessageCommand({
            QueueUrl: queueUrl,
            MaxNumberOfMessages: BATCH,
            WaitTimeSeconds: LONG_POLL_SECONDS,
          });
          const answer = await client.send(command, { abortSignal: signal });
          return (answer.Messages ?? []).flatMap(({ ReceiptHandle, Body }): QueueMessage[] =>
            ReceiptHandle === undefined ? [] : [{ handle: ReceiptHandle, body: Body ?? '' }],
          );
        },
        { signal: caller },
      ),

    delete: (handles, caller) =>
      breaker.run(
        async (signal) => {
          const Entries = handles.map((ReceiptHandle, n) => ({ Id: String(n), ReceiptHandle }));
          const command = new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries });
          const answer = await client.send(command, { abortSignal: signal });
          return answer.Failed?.length ?? 0;
        },
        { signal: caller },
      ),

    depths: (caller) =>
      breaker.run(
        async (signal) => {
          deadLetterUrl ??= await findDeadLetterQueue(signal);
          return {
            messages: await messagesIn(queueUrl, signal),
            deadLetters: deadLetterUrl === null ? null : await messagesIn(deadLetterUrl, signal),
          };
        },
        { signal: caller },
      ),

    close: () => client.destroy(),
  };
}

/**
 * Amazon's names hold the region, `sqs.eu-central-1.amazonaws.com`, and a signature must name it too. Another server takes any, so that
 * it needs none in the environment.
 */
function regionOf(queueUrl: string): { region?: string } {
  const { hostname } = new URL(queueUrl);
  if (!/\.amazonaws\.com(\.cn)?$/.test(hostname)) return { region: 'us-east-1' };
  const [, region] = /(?:^|\.)sqs\.([a-z0-9-]+)\./.exec(hostname) ?? [];
  return region === undefined ? {} : { region };
}
