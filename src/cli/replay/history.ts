import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { historyFromJSON, type History } from '@temporalio/common/lib/proto-utils.js';
import { z } from 'zod';
import type { AkoshaClient } from '../../client/index.js';
import { AkoshaError, messageOf } from '../../contract/index.js';

/** A run's history, and what is known of the run. */
export interface RecordedRun {
  history: History;
  workflowId: string;
  /** Null where a file does not tell. */
  runId: string | null;
}

const Events = z.array(z.looseObject({ eventId: z.coerce.string() })).min(1);
/**
 * `temporal workflow show --output json` and the web page's download write `{events}`, older pages the bare list, and
 * Temporal's HTTP API wraps the first in `history`.
 */
const HistoryFile = z.union([
  z.object({ events: Events }),
  z.object({ history: z.object({ events: Events }) }).transform(({ history }) => history),
  Events.transform((events) => ({ events })),
]);

/** Reads a history's file. Raises `BadRequest` where it cannot be read, or is none. */
export async function readHistoryFile(file: string): Promise<RecordedRun> {
  const history = parseHistory(await readText(file), file);
  const started = history.events?.[0]?.workflowExecutionStartedEventAttributes;
  if (!started) throw noHistory(file, 'it does not begin with the start of a workflow');
  return {
    history,
    workflowId: started.workflowId || path.basename(file, '.json'),
    runId: started.originalExecutionRunId || null,
  };
}

/** Fetches the history of a workflow's last run, or of the given one, also while it runs. */
export async function fetchHistory(
  { connection }: AkoshaClient,
  workflowId: string,
  runId: string | undefined,
): Promise<RecordedRun> {
  if (runId !== undefined && !z.uuid().safeParse(runId).success) {
    throw new AkoshaError('BadRequest', `--run-id ${runId}: must be a UUID, as the web page shows it`);
  }
  const { workflow } = connection.temporal;
  const handle = await connection.request(async () => {
    const { runId: found } = await workflow.getHandle(workflowId, runId).describe();
    return { found, history: await workflow.getHandle(workflowId, found).fetchHistory() };
  });
  return { history: handle.history, workflowId, runId: handle.found };
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new AkoshaError('BadRequest', `--history ${file}: cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function parseHistory(text: string, file: string): History {
  try {
    return historyFromJSON(HistoryFile.parse(JSON.parse(text)));
  } catch (error) {
    const why =
      error instanceof SyntaxError
        ? 'it is no JSON'
        : error instanceof z.ZodError
          ? 'it has no events'
          : messageOf(error);
    throw noHistory(file, why, error);
  }
}

function noHistory(file: string, why: string, cause?: unknown): AkoshaError {
  return new AkoshaError(
    'BadRequest',
    `--history ${file}: ${why}; it must be what \`temporal workflow show --output json\` writes, or the web page's ` +
      'download with payloads as they are, not decoded',
    { cause },
  );
}
