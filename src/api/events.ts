import { z } from 'zod';
import type { App } from './app.js';
import { callerGone } from './caller.js';
import { EVENTS_ROUTE } from './guard.js';
import { FAILURES, NoQueryString } from './schemas.js';
import type { ApiServices } from './services.js';

const Count = z.int().nonnegative();

const EventsReply = z.object({
  added: Count.describe('Uploads that are in the queue since now.'),
  known: Count.describe('Uploads that were on record before.'),
  refused: z
    .array(z.object({ upload: z.string(), reason: z.string() }))
    .describe(
      'Uploads that are never queued, because another one has their id, however often they are announced.',
    ),
});

/**
 * `POST /api/v1/events/objects`: an object store tells of what was written. Answers 200 only when every upload that it announces is a row
 * of the queue, or never will be, so that a sender that repeats what was not taken loses nothing and comes to an end.
 */
export function eventRoutes(app: App, services: ApiServices): void {
  app.post(
    EVENTS_ROUTE,
    {
      schema: {
        summary:
          'Events of an object store: S3, EventBridge, MinIO, Cloudflare R2 or SeaweedFS, one or an array',
        querystring: NoQueryString,
        body: z.unknown(),
        response: { 200: EventsReply, ...FAILURES },
      },
    },
    (request, reply) => services.takeEvents(request.body, callerGone(reply)),
  );
}
