export { observeCircuitBreakers } from './circuit-breakers.js';
export { createLog, type Logger, type LogOptions } from './log.js';
export {
  createMetrics,
  createRegistry,
  observeProcess,
  renderMetrics,
  sampleMetrics,
  type Metrics,
  type MetricsTarget,
} from './metrics.js';
export { countNotices, observeSyncs } from './syncs.js';
export { installTemporalRuntime, type TemporalRuntimeOptions } from './temporal-runtime.js';
export { startTraces, type TemporalTraces, type TraceOptions, type Traces } from './traces.js';
