import type { FailPoint } from '../../../src/faults/index.js';

/** Who is told of each fail point that this process reaches, in place of being killed there. */
export const listener: { tell: (point: FailPoint) => void } = { tell: () => undefined };
