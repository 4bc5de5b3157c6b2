import { z } from 'zod';
import { AkoshaError, isAkoshaError, messageOf } from '../contract/index.js';
import type { Settings } from '../config/index.js';
import { findRunning } from '../runtime/index.js';

const ErrorBody = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/** A search may take `search_timeout_seconds`, and a cold start of the model some more. */
const REQUEST_TIMEOUT_MS = 60_000;

interface ApiRequest {
  method: 'GET' | 'POST';
  body?: object;
  timeoutMs: number;
}

/** The REST API of the program that runs for this data folder, or at the address that the settings name. */
export class ApiClient {
  private constructor(
    readonly url: string,
    private readonly token: string | undefined,
  ) {}

  static async open(settings: Settings): Promise<ApiClient> {
    const running = await findRunning(settings.dataDir);
    if (running?.api_url) return new ApiClient(running.api_url, settings.apiToken);
    if (settings.port === 0) throw nothingRuns(settings);
    const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
    return new ApiClient(`http://${host}:${settings.port}`, settings.apiToken);
  }

  get<T>(path: string, schema: z.ZodType<T>, timeoutMs = REQUEST_TIMEOUT_MS): Promise<T> {
    return this.#request(path, schema, { method: 'GET', timeoutMs });
  }

  post<T>(path: string, body: object, schema: z.ZodType<T>): Promise<T> {
    return this.#request(path, schema, { method: 'POST', body, timeoutMs: REQUEST_TIMEOUT_MS });
  }

  async #request<T>(path: string, schema: z.ZodType<T>, request: ApiRequest): Promise<T> {
    const response = await this.#fetch(path, request);
    const json: unknown = await response.json().catch(() => undefined);
    const details = { status: response.status, url: this.url };
    if (response.ok) {
      const answer = schema.safeParse(json);
      if (answer.success) return answer.data;
      const message = `what answers at ${this.url} is no akosha server of this version: set AKOSHA_PORT, or AKOSHA_DATA_DIR, to that of the one that runs`;
      throw new AkoshaError('ServerUnavailable', message, { cause: answer.error, details });
    }
    if (response.status === 401) {
      const message = `the server at ${this.url} wants its token: set AKOSHA_API_TOKEN to it`;
      throw new AkoshaError('BadRequest', message, { details });
    }
    const fault = ErrorBody.safeParse(json);
    const message = fault.success ? fault.data.error.message : `${path}: HTTP ${response.status}`;
    throw new AkoshaError(response.status < 500 ? 'BadRequest' : 'ServerUnavailable', message, { details });
  }

  async #fetch(path: string, { method, body, timeoutMs }: ApiRequest): Promise<Response> {
    try {
      return await fetch(new URL(path, this.url), {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(this.token === undefined ? {} : { authorization: `Bearer ${this.token}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      });
    } catch (error) {
      throw new AkoshaError(
        'ServerUnavailable',
        `no server answers at ${this.url} (${messageOf(error)}): start one with \`akosha up\`, or set AKOSHA_DATA_DIR or AKOSHA_PORT to that of the one that runs`,
        { cause: error },
      );
    }
  }
}

/** The status that the server answered with; undefined for an error of another kind, such as no answer at all. */
export function httpStatusOf(error: unknown): number | undefined {
  const status = isAkoshaError(error) ? error.details['status'] : undefined;
  return typeof status === 'number' ? status : undefined;
}

function nothingRuns({ dataDir }: Settings): AkoshaError {
  return new AkoshaError(
    'ServerUnavailable',
    `nothing runs on ${dataDir}: start \`akosha up\`, or set AKOSHA_DATA_DIR to the folder of what runs`,
  );
}
