import path from 'node:path';
import type { Settings } from '../config/index.js';
import { EMBEDDING_MODEL } from '../memory/index.js';
import { findModel } from '../servers/index.js';

/** Where a model's files are: of the hosts' own model where set-up put them or `model_dir` says, of others a folder of `models_dir`. */
export async function modelDirectory(
  { modelDir, modelsDir }: Pick<Settings, 'modelDir' | 'modelsDir'>,
  model: string,
): Promise<string | undefined> {
  if (model === EMBEDDING_MODEL) return modelDir ?? (await findModel())?.directory;
  return modelsDir === undefined ? undefined : path.join(modelsDir, model);
}
