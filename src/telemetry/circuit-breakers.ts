import { Counter, Gauge } from 'prom-client';
import type { MetricsTarget } from './metrics.js';

/** What is told of one breaker. */
interface BreakerSample {
  name: string;
  state: 'closed' | 'half_open' | 'open';
  failures: number;
  calls: { succeeded: number; failed: number; refused: number };
  openings: number;
}

/** The higher, the less gets through. */
const STATE_VALUES = { closed: 0, half_open: 1, open: 2 } as const;

/**
 * Adds the circuit breakers of a process to its metrics, as they are whenever somebody asks: the breakers keep count
 * themselves, and a remote may be added at any time.
 */
export function observeCircuitBreakers(
  metrics: MetricsTarget,
  samples: () => readonly BreakerSample[],
): void {
  const registers = [metrics.registry];
  new Gauge({
    name: 'akosha_circuit_breaker_state',
    help: 'Whether calls to a remote go through: 0 closed, all do; 1 half-open, one tries; 2 open, none.',
    labelNames: ['name'],
    registers,
    collect() {
      for (const { name, state } of samples()) this.set({ name }, STATE_VALUES[state]);
    },
  });
  new Gauge({
    name: 'akosha_circuit_breaker_consecutive_failures',
    help: 'Failed calls to a remote since the last one that succeeded.',
    labelNames: ['name'],
    registers,
    collect() {
      for (const { name, failures } of samples()) this.set({ name }, failures);
    },
  });
  new Counter({
    name: 'akosha_circuit_breaker_calls_total',
    help: 'Calls to a remote, by how they ended: succeeded, failed, or refused without being made.',
    labelNames: ['name', 'result'],
    registers,
    collect() {
      this.reset();
      for (const { name, calls } of samples()) {
        for (const [result, count] of Object.entries(calls)) this.inc({ name, result }, count);
      }
    },
  });
  new Counter({
    name: 'akosha_circuit_breaker_openings_total',
    help: 'How often a circuit breaker has opened.',
    labelNames: ['name'],
    registers,
    collect() {
      this.reset();
      for (const { name, openings } of samples()) this.inc({ name }, openings);
    },
  });
}
