export interface ProgressLine {
  /** Whether anybody sees it. */
  readonly isShown: boolean;
  show: (text: string) => void;
  clear: () => void;
}

/** One line that is written over, on a terminal only. */
export function progressLine(out: NodeJS.WriteStream | undefined): ProgressLine {
  const isShown = out?.isTTY === true;
  const write = (text: string): void => {
    if (isShown) out.write(`\r\x1b[K${text}`);
  };
  return { isShown, show: write, clear: () => write('') };
}
