import {
  messageOf,
  type IngestSummary,
  type StoreActivities,
  type UploadRef,
  type Urgency,
} from '../contract/index.js';
import {
  beginWalk,
  isWalked,
  registerUpload,
  walkPortion,
  walkUploads,
  type IngestContext,
  type WalkSizes,
} from '../ingest/index.js';
import { ingestInTurn } from './ingest-turn.js';
import { runActivity } from './run-activity.js';

/** A pino logger fits. */
export interface ActivityLog {
  warn(details: Record<string, unknown>, message: string): void;
}

export interface IngestActivityDeps {
  ingest: IngestContext;
  /** Starts these systems' ingest, or tells the one that runs to look again. */
  nudge: (systemIds: readonly string[], urgency: Urgency) => Promise<void>;
  /** The system's clock, milliseconds since 1970: by it the queue knows when an upload came. */
  now: () => number;
  /** Told of each upload, and how long it took. */
  onIngested: (summary: IngestSummary, ms: number) => void;
  /** Raised when the process is told to stop: no upload is begun any more. */
  stopping: AbortSignal;
  log: ActivityLog;
  /** Of the walk's portions; by default its own. */
  walkSizes?: WalkSizes;
}

type IngestActivities = Pick<
  StoreActivities,
  'handOver' | 'nextUpload' | 'ingestUpload' | 'walkPortion' | 'walkUploads' | 'countUnfinished'
>;

/** Whoever has one system walked waits for it. */
function urgencyOf(systemId: string | undefined): Urgency {
  return systemId === undefined ? 'backlog' : 'announced';
}

export function ingestActivities({
  ingest,
  nudge,
  now,
  onIngested,
  stopping,
  log,
  walkSizes,
}: IngestActivityDeps): IngestActivities {
  return {
    handOver: (ref) =>
      runActivity(async () => {
        const added = await registerUpload(ingest, ref);
        // Also where it was known before: an earlier attempt may have ended here.
        await tryToNudge([ref.systemId], 'announced');
        return { added };
      }),

    nextUpload: ({ systemId }) => runActivity(() => nextUpload(systemId)),

    ingestUpload: (ref) =>
      runActivity((tools) => ingestInTurn({ ingest, nextUpload, onIngested, stopping, log }, ref, tools)),

    walkPortion: ({ systemId, state }) =>
      runActivity(async ({ signal, report }) => {
        const from = state ?? (await beginWalk(ingest, now(), systemId));
        report({ step: 'walk', folders: from.folders, uploads: from.seen });
        const tools = { signal, ...(walkSizes === undefined ? {} : { sizes: walkSizes }) };
        const portion = await walkPortion(ingest, from, tools);
        await tryToNudge(portion.found.systems, urgencyOf(systemId));
        return { state: portion.state, done: isWalked(portion.state), at: now() };
      }),

    walkUploads: (input) =>
      runActivity(async ({ signal, report }) => {
        const { seen, added, systems } = await walkUploads(
          ingest,
          ({ folders, seen: uploads }) => report({ step: 'walk', folders, uploads }),
          signal,
          input?.systemId,
        );
        await tryToNudge(systems, urgencyOf(input?.systemId));
        return { seen, added: added.length, at: now() };
      }),

    countUnfinished: ({ before }) => runActivity(() => ingest.store.countUnfinished(before)),
  };

  async function nextUpload(systemId: string): Promise<UploadRef | null> {
    const next = await ingest.store.nextUpload(systemId);
    return next === undefined ? null : { systemId: next.systemId, uploadId: next.uploadId };
  }

  /** What is in the queue stays there, and the poll nudges for it: no reason to walk all of the bucket again. */
  async function tryToNudge(systemIds: readonly string[], urgency: Urgency): Promise<void> {
    try {
      await nudge(systemIds, urgency);
    } catch (error) {
      log.warn(
        { systems: systemIds.length, reason: messageOf(error) },
        'could not start ingest; the poll will',
      );
    }
  }
}
