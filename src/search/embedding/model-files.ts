import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { AkoshaError } from '../../contract/index.js';

export interface ModelFiles {
  model: string;
  tokenizer: string;
}

/** The model's files in a folder; raises `ModelUnavailable` naming what is missing. */
export async function modelFiles(model: string, directory: string): Promise<ModelFiles> {
  const files = { model: join(directory, 'model.onnx'), tokenizer: join(directory, 'tokenizer.json') };
  for (const path of Object.values(files)) {
    try {
      await access(path, constants.R_OK);
    } catch (error) {
      throw modelUnavailable(model, `${path} cannot be read`, error);
    }
  }
  return files;
}

export function modelUnavailable(model: string, fault: string, cause?: unknown): AkoshaError {
  return new AkoshaError(
    'ModelUnavailable',
    `the embedding model ${model} cannot be used: ${fault}. Its folder needs its ` +
      'model.onnx and tokenizer.json (AKOSHA_MODEL_DIR, AKOSHA_MODELS_DIR); `akosha doctor` says what is missing and how to get it',
    { cause },
  );
}
