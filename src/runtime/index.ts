export type { BreakerCall, CallOptions } from './breaker-call.js';
export { CALL_MS, CircuitBreaker, type CircuitBreakerStatus } from './circuit-breaker.js';
export { CircuitBreakers } from './circuit-breakers.js';
export { isMissing, makeFolderDurably, syncFolder, writeFileDurably } from './durable-file.js';
export { entryPoint } from './entry.js';
export { takeLock } from './folder-lock.js';
export { gather } from './gather.js';
export { logFields, withLogFields, type LogFields } from './log-fields.js';
export { allEnded, runAll } from './run-all.js';
export { inScratch } from './scratch.js';
export {
  findRunning,
  removeRunRecord,
  writeRunRecord,
  type RunningProgram,
  type RunRecord,
} from './run-record.js';
export { endProcess, isRunning, processStart, signalProcess, type ProcessRef } from './process.js';
export {
  currentTraceparent,
  noteOnSpan,
  recordPastSpan,
  recordSpansWith,
  spansAreRecorded,
  withSpan,
  type PastSpan,
  type Span,
  type SpanFields,
  type SpanName,
  type SpanOptions,
  type SpanRecorder,
} from './spans.js';
export { Turns } from './turns.js';
export { sendWebhook, type WebhookRequest } from './webhook.js';
