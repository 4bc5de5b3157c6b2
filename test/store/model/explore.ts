/** One thing that can happen next. */
export interface Step<S> {
  does: string;
  next: S;
}

/**
 * A part of the protocol as states, which are plain values, and steps between them. Each step is what is durable at once: a crash can lie
 * between any two.
 */
export interface Model<S> {
  start: S;
  /** What hosts, people, attempts and searches may do, each at any time. */
  choices(state: S): Step<S>[];
  /** What the program does by itself sooner or later, the most urgent first. */
  work(state: S): Step<S>[];
  /** Faults, as often as the state says that there may be some. */
  faults(state: S): Step<S>[];
  /** What the process loses when it dies. */
  crash(state: S): S;
  /** What is wrong in a state, whichever it is; null: nothing. */
  broken(state: S): string | null;
  /** What is wrong once a program that died is started again and has done all its work. */
  brokenAtRest(state: S): string | null;
}

export interface Explored {
  states: number;
  /** The shortest way to a state in which something is wrong. */
  violation: { says: string; trace: string[] } | null;
}

/** No state has this key. */
const NOWHERE = '';

/** Rest is reached within so many steps, or never. */
const MOST_STEPS_TO_REST = 100;

/** Looks at every state that can be reached, the nearest first, and at what each comes to if the program dies there and is started again. */
export function explore<S>(model: Model<S>, limit = 400_000): Explored {
  const from = new Map<string, { before: string; does: string }>();
  let frontier = [model.start];
  from.set(keyOf(model.start), { before: NOWHERE, does: 'begins' });
  const traceTo = (state: S): string[] => {
    const trace: string[] = [];
    for (let at = from.get(keyOf(state)); at !== undefined; at = from.get(at.before)) trace.unshift(at.does);
    return trace;
  };
  // Many states are the same once the process has died.
  const atRest = new Map<string, string | null>();
  const wrong = (state: S): string | null => {
    const crashed = model.crash(state);
    const key = keyOf(crashed);
    if (!atRest.has(key)) atRest.set(key, wrongAtRest(model, crashed));
    return model.broken(state) ?? atRest.get(key) ?? null;
  };
  while (frontier.length > 0) {
    const next: S[] = [];
    for (const state of frontier) {
      const says = wrong(state);
      if (says !== null) return { states: from.size, violation: { says, trace: traceTo(state) } };
      const before = keyOf(state);
      for (const step of [...model.choices(state), ...model.work(state), ...model.faults(state)]) {
        const key = keyOf(step.next);
        if (from.has(key)) continue;
        from.set(key, { before, does: step.does });
        next.push(step.next);
      }
    }
    if (from.size > limit) throw new Error(`more than ${limit} states: make the model smaller`);
    frontier = next;
  }
  return { states: from.size, violation: null };
}

function wrongAtRest<S>(model: Model<S>, crashed: S): string | null {
  let state = crashed;
  for (let steps = 0; steps < MOST_STEPS_TO_REST; steps++) {
    const [first] = model.work(state);
    if (first === undefined) {
      const says = model.brokenAtRest(state);
      return says === null ? null : `after a crash and recovery: ${says}`;
    }
    state = first.next;
    const says = model.broken(state);
    if (says !== null) return `during recovery, as it ${first.does}: ${says}`;
  }
  return 'it never comes to rest';
}

function keyOf(state: unknown): string {
  return JSON.stringify(state);
}
