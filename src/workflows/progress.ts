import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { defineQuery, setCurrentDetails, setHandler, upsertSearchAttributes } from '@temporalio/workflow';
import { QUERIES, SEARCH_ATTRIBUTES, type Progress } from '../contract/index.js';

export const progressQuery = defineQuery<Progress>(QUERIES.progress);

const PHASE = defineSearchAttributeKey(SEARCH_ATTRIBUTES.phase, SearchAttributeType.KEYWORD);
const TIER = defineSearchAttributeKey(SEARCH_ATTRIBUTES.tier, SearchAttributeType.KEYWORD);
const UPLOAD_ID = defineSearchAttributeKey(SEARCH_ATTRIBUTES.uploadId, SearchAttributeType.KEYWORD);

type Subject = Partial<Omit<Progress, 'phase' | 'updatedAt'>>;

export interface ProgressTracker {
  /** Begins a phase. Fields that are not named stay; `done` starts at 0 unless named. */
  enter(phase: string, subject?: Subject): void;
  /** Counts within the phase. */
  advance(done: number): void;
}

/**
 * Says where a workflow is, in the three places where people look: the `progress` query, the details on its page, and search
 * attributes. Search attributes only change with the phase, because each change is an event in the history. Call it before the
 * first `await`, or a query may find no handler.
 */
export function trackProgress(unit: Progress['unit'], subject: Subject = {}): ProgressTracker {
  const initial: Progress = {
    phase: 'start',
    done: 0,
    total: null,
    unit,
    systemId: null,
    uploadId: null,
    tier: null,
    updatedAt: now(),
    ...subject,
  };
  let progress = initial;
  setHandler(progressQuery, () => progress, {
    description: 'Where the workflow is: phase, how much of it is done, and of what.',
  });

  const show = (next: Progress): void => {
    progress = next;
    setCurrentDetails(renderProgress(next));
  };
  show(initial);

  return {
    enter(phase, change = {}) {
      const before = progress;
      show({ ...before, done: 0, ...change, phase, updatedAt: now() });
      upsertSearchAttributes([
        { key: PHASE, value: phase },
        ...(progress.tier === before.tier ? [] : [{ key: TIER, value: progress.tier }]),
        ...(progress.uploadId === before.uploadId ? [] : [{ key: UPLOAD_ID, value: progress.uploadId }]),
      ]);
    },
    advance(done) {
      show({ ...progress, done, updatedAt: now() });
    },
  };
}

/** The workflow's own time, which is the same in every replay. */
function now(): string {
  return new Date().toISOString();
}

/** Markdown, as Temporal's web page shows it. */
function renderProgress({ phase, done, total, unit, systemId, uploadId, tier }: Progress): string {
  const named = Object.entries({ system: systemId, upload: uploadId, tier }).filter(
    ([, value]) => value !== null,
  );
  return [
    `**${phase}**: ${done}${total === null ? '' : ` of ${total}`} ${unit}`,
    ...named.map(([name, value]) => `- ${name} \`${String(value)}\``),
  ].join('\n');
}
