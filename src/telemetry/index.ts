export { observeCircuitBreakers } from './circuit-breakers.js';
export { createLog, type Logger, type LogOptions } from './log.js';
export { createMetrics, observeProcess, renderMetrics, type Metrics } from './metrics.js';
export { installTemporalRuntime, type TemporalRuntimeOptions } from './temporal-runtime.js';
