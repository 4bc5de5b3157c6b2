import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { AkoshaError } from '../../contract/index.js';
import { EMBEDDING_MODEL } from '../../memory/index.js';

export interface ModelFiles {
  model: string;
  tokenizer: string;
}

/** The model's files in a folder; raises `ModelUnavailable` naming what is missing. */
export async function modelFiles(directory: string): Promise<ModelFiles> {
  const files = { model: join(directory, 'model.onnx'), tokenizer: join(directory, 'tokenizer.json') };
  for (const path of Object.values(files)) {
    try {
      await access(path, constants.R_OK);
    } catch (error) {
      throw modelUnavailable(`${path} cannot be read`, error);
    }
  }
  return files;
}

export function modelUnavailable(fault: string, cause?: unknown): AkoshaError {
  return new AkoshaError(
    'ModelUnavailable',
    `the embedding model ${EMBEDDING_MODEL} cannot be used: ${fault}. Set AKOSHA_MODEL_DIR to a folder with its ` +
      'model.onnx and tokenizer.json; `akosha doctor` says what is missing and how to get it',
    { cause },
  );
}
