/** How one call differs from others. */
export interface CallOptions {
  /** The caller's; its abort ends the call, which then tells nothing. */
  signal?: AbortSignal;
  /**
   * Made whatever the state, for what is there to notice the end of an outage, or does not come in numbers. Its success closes an open breaker
   * at once. Its failure counts towards opening a closed one and leaves an open one as it is, so that probes bar no call's try.
   */
  evenIfOpen?: boolean;
  /**
   * Asks whether the remote is there, and no more. That it is answered ends an outage that such questions saw too, and closes an open breaker
   * once; where calls fail all the same, it says nothing of them, and only a call that succeeds closes it.
   */
  isHealthCheck?: boolean;
  /** For calls that hold on until there is something to say: they may take any time. */
  untimed?: boolean;
  /** Whether the time a failure took may be somebody else's, for whom the remote waited: then it tells nothing. */
  waitsForOthers?: boolean;
}

/** One call that was let through. Exactly one of the three is to be told; what comes after the first changes nothing. */
export interface BreakerCall {
  /** Whether it tries the remote of an open breaker, so that all others wait for what it tells. */
  readonly isTrial: boolean;
  /** The remote answered, be it that it refused. */
  succeeded(): void;
  /** It did not: the connection failed, no answer came in time, or one that says it cannot serve. */
  failed(reason: string): void;
  /** Nothing was learnt of the remote: the caller gave up. */
  dropped(): void;
}

type Outcomes = Omit<BreakerCall, 'isTrial'>;

/** Passes on the first outcome that is told, and no other. */
export function toldOnce(outcomes: Outcomes): Outcomes {
  let told = false;
  const first = (tell: () => void): void => {
    if (told) return;
    told = true;
    tell();
  };
  return {
    succeeded: () => first(outcomes.succeeded),
    failed: (reason) => first(() => outcomes.failed(reason)),
    dropped: () => first(outcomes.dropped),
  };
}
