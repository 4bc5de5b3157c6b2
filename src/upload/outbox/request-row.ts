import { openOutboxDatabase, tellingOfRoom } from './database.js';

/** Who asked for an upload. */
export type RequestTrigger = 'sync' | 'session-end' | 'mcp' | 'agent';

export interface NewRequest {
  trigger: RequestTrigger;
  /** `auto`, `cloud`, `http`, …; absent: as the settings say. */
  forceMethod?: string | undefined;
  /** Absent: as the settings say. */
  enableFallback?: boolean | undefined;
}

/** The statement by which every request begins; the outbox uses it as well. */
export const INSERT_REQUEST = `
  INSERT INTO requests (trigger, force_method, enable_fallback, created_at)
  VALUES ($trigger, $forceMethod, $enableFallback, $now)`;

export function requestParameters(request: NewRequest, now: number): Record<string, string | number | null> {
  const { trigger, forceMethod = null, enableFallback } = request;
  return {
    trigger,
    forceMethod,
    enableFallback: enableFallback === undefined ? null : Number(enableFallback),
    now,
  };
}

/**
 * Asks for an upload of this host's databases as they are now, and returns the request's number. The request is on disk
 * when this returns, and the agent or the next sync answers it. Takes a few milliseconds and needs no agent.
 */
export function writeRequest(dataDir: string, request: NewRequest): number {
  return tellingOfRoom(dataDir, () => {
    const database = openOutboxDatabase(dataDir);
    try {
      const { lastInsertRowid } = database
        .prepare(INSERT_REQUEST)
        .run(requestParameters(request, Date.now()));
      return Number(lastInsertRowid);
    } finally {
      database.close();
    }
  });
}
