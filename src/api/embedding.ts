import { z } from 'zod';
import { MODEL_NAME } from '../memory/index.js';
import type { App } from './app.js';
import { FAILURES, NoQueryString } from './schemas.js';
import type { ApiServices } from './services.js';

const NAME_RULE = 'must be 1 to 100 letters, digits, ".", "-" and "_", the first a letter or digit';

/** A request may come without a body, which Fastify hands over as null. */
const ReembedBody = z
  .strictObject({
    model: z
      .string({ error: NAME_RULE })
      .regex(MODEL_NAME, NAME_RULE)
      .optional()
      .describe('By default that of the setting `embedding_model`.'),
  })
  .nullish();

const Rows = z.int().nonnegative();
const Failure = z.string().nullable().describe('Why some of them get no vector now.');

const EmbeddingReply = z.object({
  enabled: z.boolean(),
  model: z.string().describe('By which searches go.'),
  rows_waiting: Rows.describe('Memories without a vector of it, found by their words alone.'),
  failure: Failure,
  move: z
    .object({
      model: z.string(),
      since: z.string(),
      rows: Rows.describe('Memories that stood when it began.'),
      rows_waiting: Rows,
      failure: Failure,
    })
    .nullable()
    .describe('The move to another model that is under way.'),
});

export type EmbeddingStatus = z.infer<typeof EmbeddingReply>;

/** The model that searches go by, and the move to another. */
export function embeddingRoutes(app: App, services: ApiServices): void {
  app.get(
    '/api/v1/reembed',
    {
      schema: {
        summary: 'By which embedding model searches go, and how far a move to another has come',
        response: { 200: EmbeddingReply, ...FAILURES },
      },
    },
    () => services.embedding(),
  );
  app.post(
    '/api/v1/reembed',
    {
      schema: {
        summary:
          'Move the store to another embedding model in the background, or join the move to it; naming the current one gives up a move',
        querystring: NoQueryString,
        body: ReembedBody,
        response: { 202: EmbeddingReply, ...FAILURES },
      },
    },
    async ({ body }, reply) => reply.code(202).send(await services.reembed(body?.model)),
  );
}
