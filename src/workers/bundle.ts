import { access } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { AkoshaError } from '../contract/index.js';
import { entryPoint } from '../runtime/index.js';

export interface BundleOptions {
  /** By default those beside the compiled program. */
  path?: string | undefined;
  /** With the interceptors that record spans, which take as much memory again for each workflow. */
  traced?: boolean;
}

/**
 * The built workflows.
 *
 * Raises `BundleMissing` where they were not built: a worker that bundled them by itself would hide a bad image.
 */
export async function findBundle({ path: given, traced = false }: BundleOptions = {}): Promise<{
  codePath: string;
}> {
  const name = traced ? 'workflow-bundle-traced.js' : 'workflow-bundle.js';
  const path = given ?? fileURLToPath(entryPoint(import.meta.url, `../${name}`));
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
