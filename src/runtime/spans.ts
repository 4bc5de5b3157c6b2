import { logFields } from './log-fields.js';

/** The parts of the way from a sync to searchable memories. */
export type SpanName =
  | 'akosha.sync'
  | 'akosha.snapshot'
  | 'akosha.deliver'
  | 'akosha.deliver.file'
  | 'akosha.deliver.manifest'
  | 'akosha.object.part'
  | 'akosha.accept'
  | 'akosha.discover'
  | 'akosha.nudge'
  | 'akosha.ingest'
  | 'akosha.ingest.download'
  | 'akosha.ingest.read'
  | 'akosha.ingest.open'
  | 'akosha.ingest.insert'
  | 'akosha.ingest.journal'
  | 'akosha.ingest.commit'
  | 'akosha.ingest.receipt'
  | 'akosha.outage'
  | 'akosha.outage.step';

/**
 * What a span may say: ids, counts, and words of our own. There is no field for what a memory says, for a path or a name of the host's, nor
 * for an address or a credential, so none can get into one.
 */
export interface SpanFields {
  systemId?: string | undefined;
  uploadId?: string | undefined;
  workflowId?: string | undefined;
  runId?: string | undefined;
  activity?: string | undefined;
  /** What it came to, in a word. */
  outcome?: string | undefined;
  /** `AkoshaError`'s type, or the class of any other error. */
  errorType?: string | undefined;
  /** Of delivery. */
  method?: string | undefined;
  files?: number | undefined;
  bytes?: number | undefined;
  rows?: number | undefined;
  /** The number of a part, from 1. */
  part?: number | undefined;
}

export interface SpanOptions {
  fields?: SpanFields;
  /**
   * The `traceparent` (W3C Trace Context) of what this goes on with, which may have been another process's. Where the span around this one is
   * of that trace it stays the parent; where it is of another, it is linked to. Absent, or in no known form: the span around is the parent.
   */
  continues?: string | null | undefined;
}

/** A span that is over. Milliseconds since 1970. */
export interface PastSpan extends SpanOptions {
  startedAt: number;
  endedAt: number;
}

export interface Span {
  set(fields: SpanFields): void;
}

/** Whoever records spans. One process has one, or none. */
export interface SpanRecorder {
  run<T>(name: SpanName, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T>;
  /** Also runs `work`, whose spans become its children. */
  past(name: SpanName, span: PastSpan, work?: () => void): void;
  /** Adds to the span that is under way, if there is one. */
  note(fields: SpanFields): void;
  traceparent(): string | undefined;
}

const UNSEEN: Span = { set: () => undefined };

let recorder: SpanRecorder | undefined;

/** Called once, at the process's start; where it is not, spans cost a function call. */
export function recordSpansWith(given: SpanRecorder | undefined): void {
  recorder = given;
}

export function spansAreRecorded(): boolean {
  return recorder !== undefined;
}

/**
 * Runs `work` as a span: it has the time, the ids that log lines have (see `withLogFields`) and those of the span around it, and where `work`
 * raises, the error's type.
 */
export function withSpan<T>(
  name: SpanName,
  options: SpanOptions,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  if (recorder === undefined) return work(UNSEEN);
  return recorder.run(name, { ...options, fields: { ...logFields(), ...options.fields } }, work);
}

/** Records what was done before anybody knew what it belongs to. */
export function recordPastSpan(name: SpanName, span: PastSpan, work?: () => void): void {
  recorder?.past(name, span, work);
}

/** Adds to the span that is under way, be it ours or Temporal's. */
export function noteOnSpan(fields: SpanFields): void {
  recorder?.note(fields);
}

/** Of the span that is under way, for whoever goes on with it elsewhere; undefined where there is none. */
export function currentTraceparent(): string | undefined {
  return recorder?.traceparent();
}
