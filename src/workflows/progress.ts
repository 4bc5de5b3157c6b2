import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { defineQuery, setCurrentDetails, setHandler, upsertSearchAttributes } from '@temporalio/workflow';
import { QUERIES, SEARCH_ATTRIBUTES, type Progress, type TransferProgress } from '../contract/index.js';

export const progressQuery = defineQuery<Progress>(QUERIES.progress);

const PHASE = defineSearchAttributeKey(SEARCH_ATTRIBUTES.phase, SearchAttributeType.KEYWORD);
const TIER = defineSearchAttributeKey(SEARCH_ATTRIBUTES.tier, SearchAttributeType.KEYWORD);
const UPLOAD_ID = defineSearchAttributeKey(SEARCH_ATTRIBUTES.uploadId, SearchAttributeType.KEYWORD);

type Subject = Partial<Omit<Progress, 'phase' | 'updatedAt'>>;
type Named = Subject & { phase?: string };

export interface ProgressTracker {
  /** Begins a phase. Fields that are not named stay; `done` starts at 0 unless named. */
  enter(phase: string, subject?: Subject): void;
  /** Counts within the phase, and names what it works on; search attributes name it with the next phase or `publish`. */
  advance(done: number, subject?: Subject): void;
  /** Counts what an activity reports of its transfer. One that comes after the transfer's end is passed over. */
  transferred(transfer: Pick<TransferProgress, 'uploadId' | 'files' | 'bytes' | 'totalBytes'>): void;
  /** Enters the phase `done`, with a line that says what came of it. */
  finish(result: string): void;
  /** The same for a run whose search attributes need not say so, because its status does: they change only where it went on to another subject. */
  close(result: string): void;
  /** Brings the search attributes up to date: what a run leaves in them, the one that it continues as has from its start. */
  publish(): void;
}

/**
 * Says where a workflow is, in the three places where people look: the `progress` query, the details on its page, and search
 * attributes. Search attributes only change with the phase, because each change is an event in the history and a write to Temporal's index.
 * `named` is what they say already: since the start, or of the run before this one. Call it before the first `await`, or a query
 * may find no handler.
 */
export function trackProgress(unit: Progress['unit'], named: Named = {}): ProgressTracker {
  const initial: Progress = {
    phase: 'start',
    done: 0,
    total: null,
    unit,
    systemId: null,
    uploadId: null,
    tier: null,
    bytes: null,
    totalBytes: null,
    updatedAt: now(),
    ...named,
  };
  let progress = initial;
  let published = initial;
  setHandler(progressQuery, () => progress, {
    description: 'Where the workflow is: phase, how much of it is done, and of what.',
  });

  const show = (next: Progress, result?: string): void => {
    progress = next;
    setCurrentDetails(renderProgress(next, result));
  };
  show(initial);

  const publish = (next: Progress): void => {
    const { phase, tier, uploadId } = next;
    const changes = [
      ...(phase === published.phase ? [] : [{ key: PHASE, value: phase }]),
      ...(tier === published.tier ? [] : [{ key: TIER, value: tier }]),
      ...(uploadId === published.uploadId ? [] : [{ key: UPLOAD_ID, value: uploadId }]),
    ];
    if (changes.length > 0) upsertSearchAttributes(changes);
    published = next;
  };
  const begin = (phase: string, change: Subject, result?: string): void => {
    show({ ...progress, done: 0, bytes: null, totalBytes: null, ...change, phase, updatedAt: now() }, result);
    publish(progress);
  };

  return {
    enter: (phase, change = {}) => begin(phase, change),
    advance: (done, change = {}) => show({ ...progress, ...change, done, updatedAt: now() }),
    transferred: ({ uploadId, files: done, bytes, totalBytes }) => {
      if (progress.uploadId !== uploadId || progress.bytes === null) return;
      show({ ...progress, done, bytes, totalBytes, updatedAt: now() });
    },
    finish: (result) => {
      const { done, total } = progress;
      begin('done', { done, total }, result);
    },
    close: (result) => {
      show({ ...progress, phase: 'done', updatedAt: now() }, result);
      publish({ ...progress, phase: published.phase });
    },
    publish: () => publish(progress),
  };
}

/** The workflow's own time, which is the same in every replay. */
function now(): string {
  return new Date().toISOString();
}

/** Markdown, as Temporal's web page shows it. */
function renderProgress(progress: Progress, result: string | undefined): string {
  const { phase, done, total, unit, systemId, uploadId, tier, bytes, totalBytes } = progress;
  const named = Object.entries({ system: systemId, upload: uploadId, tier }).filter(
    ([, value]) => value !== null,
  );
  const sent = bytes === null ? '' : `, ${bytes} of ${totalBytes ?? '?'} bytes`;
  const count = `${done}${total === null ? '' : ` of ${total}`} ${unit}${sent}`;
  return [
    `**${phase}**: ${result ?? count}`,
    ...named.map(([name, value]) => `- ${name} \`${String(value)}\``),
  ].join('\n');
}
