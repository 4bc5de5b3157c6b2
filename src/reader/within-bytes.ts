import { stat } from 'node:fs/promises';

/** Between looks: what a disk takes in it is little beside any limit. */
const LOOK_MS = 200;

interface OutputLimit {
  /** Of the file that grows. */
  path: string;
  maxBytes: number;
  /** Makes the work fail soon. */
  interrupt: () => void;
}

/** Runs work that writes a file, and ends it where the file grows beyond the limit; then raises `fault()`. */
export async function withinBytes<T>(
  work: () => Promise<T>,
  { path, maxBytes, interrupt }: OutputLimit,
  fault: () => Error,
): Promise<T> {
  const seen = { tooLarge: false };
  const look = async (): Promise<void> => {
    // Not there yet.
    const size = await stat(path).then(
      (info) => info.size,
      () => 0,
    );
    if (size <= maxBytes) return;
    seen.tooLarge = true;
    interrupt();
  };
  const timer = setInterval(() => void look(), LOOK_MS);
  try {
    return await work();
  } catch (error) {
    throw seen.tooLarge ? fault() : error;
  } finally {
    clearInterval(timer);
  }
}
