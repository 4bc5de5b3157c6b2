import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { ERROR_TYPES, messageOf, type ErrorType, type WalkState } from '../contract/index.js';
import { makeFolderDurably, writeFileDurably } from '../runtime/index.js';
import type { BootstrapLog } from './log.js';

const Position = z.union([
  z.literal('start'),
  z.object({ cursor: z.string(), after: z.string().nullable(), restarts: z.number() }),
]);

const isErrorType = (name: string): name is ErrorType => Object.hasOwn(ERROR_TYPES, name);

const State: z.ZodType<WalkState> = z.object({
  begunAt: z.number(),
  systemId: z.string().nullable(),
  systems: Position.nullable(),
  rest: z.array(z.object({ folder: z.string(), position: Position })),
  folders: z.number(),
  seen: z.number(),
  added: z.number(),
  skipped: z.number(),
  read: z.number(),
  failed: z.number(),
  fault: z.object({ type: z.string().refine(isErrorType), message: z.string() }).nullable(),
});

/**
 * How far the runner's walk is, kept on disk: neither an answer from Temporal that did not last nor a server that was started again has
 * 100,000 systems listed from the beginning. What a workflow has of it stands in its history.
 */
export class KeptWalk {
  readonly #file: string;
  readonly #log: BootstrapLog;
  /** Undefined until it was read from disk. */
  #state: WalkState | null | undefined;

  constructor(folder: string, log: BootstrapLog) {
    this.#file = path.join(folder, 'walk.json');
    this.#log = log;
  }

  /** Null where there is none, or none that can be read: then the walk begins anew, which does no harm. */
  async load(): Promise<WalkState | null> {
    if (this.#state === undefined) {
      const text = await readFile(this.#file, 'utf8').catch(() => 'null');
      this.#state = parse(text);
    }
    return this.#state;
  }

  /** Durable when it returns. A disk that refuses it is logged and no more: it holds in memory. Null: the walk is through. */
  async save(state: WalkState | null): Promise<void> {
    this.#state = state;
    try {
      await makeFolderDurably(path.dirname(this.#file));
      await writeFileDurably(this.#file, `${JSON.stringify(state)}\n`);
    } catch (error) {
      this.#log.warn({ reason: messageOf(error) }, 'how far the walk is could not be kept on disk');
    }
  }
}

function parse(text: string): WalkState | null {
  try {
    return State.nullable().parse(JSON.parse(text));
  } catch {
    return null;
  }
}
