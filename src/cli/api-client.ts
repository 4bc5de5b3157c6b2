import { z } from 'zod';
import { AkoshaError, messageOf } from '../contract/index.js';
import type { Settings } from '../config/index.js';
import { findRunning } from '../runtime/index.js';

const ErrorBody = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/** A search may take `search_timeout_seconds`, and a cold start of the model some more. */
const REQUEST_TIMEOUT_MS = 60_000;

/** The REST API of the program that runs for this data folder, or at the address that the settings name. */
export class ApiClient {
  private constructor(
    readonly url: string,
    private readonly token: string | undefined,
  ) {}

  static async open(settings: Settings): Promise<ApiClient> {
    const running = await findRunning(settings.dataDir);
    if (running === undefined && settings.port === 0) throw nothingRuns(settings);
    const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
    return new ApiClient(running?.api_url ?? `http://${host}:${settings.port}`, settings.apiToken);
  }

  get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    return this.#request('GET', path, undefined, schema);
  }

  post<T>(path: string, body: unknown, schema: z.ZodType<T>): Promise<T> {
    return this.#request('POST', path, body, schema);
  }

  async #request<T>(method: string, path: string, body: unknown, schema: z.ZodType<T>): Promise<T> {
    const response = await this.#fetch(method, path, body);
    const json: unknown = await response.json().catch(() => undefined);
    if (response.ok) return schema.parse(json);
    const fault = ErrorBody.safeParse(json);
    const message = fault.success ? fault.data.error.message : `${method} ${path}: HTTP ${response.status}`;
    if (response.status === 401) {
      throw new AkoshaError(
        'BadRequest',
        `the server at ${this.url} wants its token: set AKOSHA_API_TOKEN to it`,
      );
    }
    throw new AkoshaError(response.status < 500 ? 'BadRequest' : 'ServerUnavailable', message, {
      details: { status: response.status, url: this.url },
    });
  }

  async #fetch(method: string, path: string, body: unknown): Promise<Response> {
    try {
      return await fetch(new URL(path, this.url), {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(this.token === undefined ? {} : { authorization: `Bearer ${this.token}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
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

function nothingRuns({ dataDir }: Settings): AkoshaError {
  return new AkoshaError(
    'ServerUnavailable',
    `nothing runs on ${dataDir}: start \`akosha up\`, or set AKOSHA_DATA_DIR to the folder of what runs`,
  );
}
