import { CircuitBreakers } from '../runtime/index.js';

/** Where a breaker's changes are told. A pino logger fits. */
interface BreakerLog {
  info(details: Record<string, unknown>, message: string): void;
  warn(details: Record<string, unknown>, message: string): void;
}

/** The breakers of a process, one for each remote, whichever of its parts calls it; each change of theirs is in its log. */
export function createBreakers(log: BreakerLog): CircuitBreakers {
  return new CircuitBreakers({
    onChange: ({ name, state, failures, lastFailure }) => {
      if (state === 'closed') log.info({ name }, 'circuit breaker closed: the remote is back');
      else log.warn({ name, failures, lastFailure }, 'circuit breaker opened: the remote is away');
    },
  });
}
