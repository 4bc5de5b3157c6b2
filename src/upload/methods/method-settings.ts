import type { CircuitBreakers } from '../../runtime/index.js';

/** What the methods need of the settings. */
export interface MethodSettings {
  /** Whether the host's object storage was configured, or is only the default folder on its own disk. */
  objectStoreGiven: boolean;
  /** Absent: the host has no HTTP server to send to. */
  http?: HttpSettings | undefined;
  /** Those of the process. By default the methods' own are told nowhere. */
  breakers?: CircuitBreakers | undefined;
}

export interface HttpSettings {
  /** Of the server, with or without the `/mcp` at its end. */
  url: string;
  token?: string | undefined;
  /** For one request. */
  timeoutMs: number;
}
