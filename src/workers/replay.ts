import type { History } from '@temporalio/common/lib/proto-utils.js';
import { ReplayError, Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { findBundle } from './bundle.js';

export interface Divergence {
  /** The first event of the history that the workflows, as they are built, do not lead to. */
  eventId: number;
  /** What Temporal's core says of it. */
  message: string;
}

export interface ReplayOptions {
  history: History;
  workflowId: string;
  /** By default the workflows beside the compiled program. */
  bundlePath?: string;
}

/**
 * Replays a history on the workflows as they are built, needing no server. `undefined`: they do what it says, as far as it goes.
 * Arguments, results and times are not compared: that is how Temporal replays.
 *
 * Raises `BundleMissing` where the workflows were not built.
 */
export async function replayHistory(options: ReplayOptions): Promise<Divergence | undefined> {
  const { history, workflowId } = options;
  const workflowBundle = await findBundle({ path: options.bundlePath });
  const events = history.events ?? [];
  const fault = (length: number): Promise<string | undefined> =>
    faultOf(() =>
      Worker.runReplayHistory({ workflowBundle }, { events: events.slice(0, length) }, workflowId),
    );

  const message = await fault(events.length);
  if (message === undefined) return undefined;
  // The core seldom names the event. It is the last one of the shortest beginning that does not replay; once one does
  // not, no longer one does, so a dozen tries find it among thousands.
  let replays = 1;
  let fails = events.length;
  while (fails - replays > 1) {
    const middle = Math.floor((replays + fails) / 2);
    if ((await fault(middle)) === undefined) replays = middle;
    else fails = middle;
  }
  return { eventId: fails, message };
}

async function faultOf(replay: () => Promise<void>): Promise<string | undefined> {
  try {
    await replay();
    return undefined;
  } catch (error) {
    // The second is a workflow task that fails, as where the workflow's type is gone.
    if (error instanceof DeterminismViolationError || error instanceof ReplayError)
      return coreMessage(error.message);
    throw error;
  }
}

/** The core wraps its sentence in the debug form of a Rust structure; the first `message` of it is the sentence. */
function coreMessage(text: string): string {
  const quoted = /message: "((?:[^"\\]|\\.)*)"/.exec(text)?.[1];
  if (quoted === undefined) return text;
  const sentence = quoted.replaceAll(/\\(.)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter));
  return sentence.replace(/^\[TMPRL\d+\] (Nondeterminism error: )?/, '');
}
