export { startApi, type ApiOptions, type RunningApi } from './server.js';
export type { ApiServices, CircuitBreakerState, Readiness } from './services.js';
