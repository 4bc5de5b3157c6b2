import { access } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { AkoshaError } from '../contract/index.js';
import { entryPoint } from '../runtime/index.js';

/**
 * The built workflows: by default those beside the compiled program.
 *
 * Raises `BundleMissing` where they were not built: a worker that bundled them by itself would hide a bad image.
 */
export async function findBundle(
  path = fileURLToPath(entryPoint(import.meta.url, '../workflow-bundle.js')),
): Promise<{ codePath: string }> {
  try {
    await access(path);
  } catch (error) {
    throw new AkoshaError(
      'BundleMissing',
      `the workflow bundle ${path} does not exist: run "npm run build"`,
      { cause: error },
    );
  }
  return { codePath: path };
}
