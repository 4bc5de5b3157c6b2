import { expect } from 'vitest';
import type { AcceptedRow, RowSource } from '../../src/ingest/index.js';
import { serve, type TestApi } from './support.js';

export const TOKEN = 'a-token-of-the-tests';
export const VECTOR = Array.from({ length: 384 }, (_, n) => n / 384);
const STORED = { storedAt: Date.UTC(2026, 10, 22, 12), order: 7 };
const UPLOAD_ID = '01JD-00112233445566aa';

export interface Accepted {
  source: RowSource;
  rows: readonly AcceptedRow[];
}

/** A server that keeps what it is given, or fails. */
export async function serveMemories(
  fault?: (call: Accepted) => Error | undefined,
): Promise<{ api: TestApi; accepted: Accepted[] }> {
  const accepted: Accepted[] = [];
  const acceptRows = (source: RowSource, rows: readonly AcceptedRow[]) => {
    const error = fault?.({ source, rows });
    if (error !== undefined) return Promise.reject(error);
    accepted.push({ source, rows });
    return Promise.resolve({ ...STORED, ref: { systemId: source.systemId, uploadId: UPLOAD_ID } });
  };
  return { api: await serve({ acceptRows }, { apiToken: TOKEN }), accepted };
}

export const AUTHORIZED = { authorization: `Bearer ${TOKEN}` };

/** As Session-Buddy posts it: JSON-RPC without a session. */
export async function call(
  api: TestApi,
  name: string,
  input: unknown,
  path = '/mcp/mcp/v1',
): Promise<Record<string, unknown>> {
  const body = {
    jsonrpc: '2.0',
    id: 'd41d8cd98f00b204',
    method: 'tools/call',
    params: { name, arguments: input },
  };
  const response = await api.post(path, body, AUTHORIZED);
  expect(response.status).toBe(200);
  const reply = (await response.json()) as { id: string; result: Record<string, unknown> };
  expect(reply.id).toBe(body.id);
  return reply.result;
}

export const CONVERSATION = {
  memory_id: '0044d0423033363c',
  text: 'How to rotate keys\n\nReasoning: asked twice',
  embedding: VECTOR,
  metadata: {
    source: 'macbook-pro.local',
    original_id: '0044d0423033363c',
    type: 'conversation',
    category: 'facts',
    importance_score: 0.5,
    memory_tier: 'long_term',
    project: 'gateway',
    namespace: 'default',
    session_id: 's-000',
    user_id: 'default',
    created_at: '2026-11-20T16:40:00.123456',
    ingestion_method: 'http_push',
  },
};
