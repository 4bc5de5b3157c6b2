import { findModel } from '../../../src/servers/index.js';

/** The model's folder; set-up installs it for the tests, so that none of them is skipped for want of it. */
export async function modelDirectory(): Promise<string> {
  const model = await findModel();
  if (model === undefined)
    throw new Error('the model is not installed: run npm run setup, or set AKOSHA_MODEL_DIR');
  return model.directory;
}

/** Of vectors of length 1. */
export function cosine(a: Float32Array | undefined, b: ArrayLike<number> | undefined): number {
  if (a === undefined || b === undefined) throw new Error('a vector is missing');
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? Number.NaN), 0);
}
