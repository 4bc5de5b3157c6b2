import { z } from 'zod';
import type { App } from './app.js';

/** A route that was added, as its document needs it. */
interface Described {
  method: string;
  url: string;
  summary: string;
  parameters: Record<string, unknown>[];
  body: z.ZodType | undefined;
  replies: [status: string, schema: z.ZodType][];
}

const PATH = '/api/v1/openapi.json';

/** Describes every route that is added after it: `GET /api/v1/openapi.json`, in OpenAPI 3.1, from the routes' own schemas. */
export function openApiRoute(app: App, version: string): void {
  const routes: Described[] = [];
  app.addHook('onRoute', ({ method, url, schema }) => {
    if (method === 'HEAD') return;
    const { summary = '', body, response, params, querystring } = schema ?? {};
    routes.push({
      method: String(method).toLowerCase(),
      // A parameter of a path, `:name` to Fastify, is `{name}` here.
      url: url.replaceAll(/:(\w+)/g, '{$1}'),
      summary,
      parameters: [...parametersIn('path', params), ...parametersIn('query', querystring)],
      body: body instanceof z.ZodType ? body : undefined,
      replies: Object.entries(response ?? {}).flatMap(([status, reply]: [string, unknown]) =>
        reply instanceof z.ZodType ? [[status.toUpperCase(), reply]] : [],
      ),
    });
  });
  app.get(PATH, { schema: { summary: 'This document' } }, () => document(routes, version));
}

function document(routes: readonly Described[], version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) paths[route.url] = { ...paths[route.url], [route.method]: operation(route) };
  return {
    openapi: '3.1.0',
    info: { title: 'Akosha', version },
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        login: { type: 'http', scheme: 'basic', description: 'For browsers: the password is the token.' },
      },
    },
    security: [{ token: [] }, { login: [] }, {}],
    paths,
  };
}

function operation({ summary, parameters, body, replies }: Described): Record<string, unknown> {
  const responses = replies.map(([status, schema]) => [
    status,
    { description: description(status), content: jsonContent(schema, 'output') },
  ]);
  return {
    summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: requestBody(body) }),
    responses: responses.length === 0 ? { 200: { description: 'Success' } } : Object.fromEntries(responses),
  };
}

function parametersIn(place: 'path' | 'query', schema: unknown): Record<string, unknown>[] {
  if (!(schema instanceof z.ZodObject)) return [];
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' });
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: required.includes(name),
    schema: property,
  }));
}

function requestBody(body: z.ZodType): Record<string, unknown> {
  return { required: !body.safeParse(null).success, content: jsonContent(body, 'input') };
}

function jsonContent(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  return { 'application/json': { schema: z.toJSONSchema(schema, { io }) } };
}

function description(status: string): string {
  return status.startsWith('2') ? 'Success' : 'An error';
}
