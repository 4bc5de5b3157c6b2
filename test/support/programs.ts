import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Writes a shell script that can be run, and returns its path. */
export async function writeProgram(folder: string, name: string, script: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}
