import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Tokenizer } from '@huggingface/tokenizers';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { EMBEDDING_DIMENSIONS } from '../../memory/index.js';
import type { ModelFiles } from './model-files.js';
import { meanPool } from './pooling.js';
import { firstTokens } from './tokens.js';

export interface SentenceModel {
  /** One vector for each text, in their order. */
  embed(texts: readonly string[]): Promise<Float32Array[]>;
}

/** Half of the cores: ingest and search go on beside it, and more threads gain little at this size of model. */
const NATIVE_THREADS = Math.max(1, Math.floor(availableParallelism() / 2));

/** Loads tokenizer and network, in about half a second. A run is native and synchronous: it blocks the thread that calls. */
export async function loadSentenceModel(files: ModelFiles): Promise<SentenceModel> {
  const tokenizer = new Tokenizer(parseObject(await readFile(files.tokenizer, 'utf8')), {});
  const session = await InferenceSession.create(files.model, { intraOpNumThreads: NATIVE_THREADS });
  return {
    embed: (texts) =>
      run(
        session,
        texts.map((text) => firstTokens(tokenizer, text)),
      ),
  };
}

function parseObject(json: string): object {
  const value: unknown = JSON.parse(json);
  if (typeof value !== 'object' || value === null) throw new Error('tokenizer.json holds no object');
  return value;
}

async function run(session: InferenceSession, texts: readonly number[][]): Promise<Float32Array[]> {
  if (texts.length === 0) return [];
  const paddedLength = Math.max(...texts.map((tokens) => tokens.length));
  const output = await session.run(inputs(session, texts, paddedLength));
  const hidden = output['last_hidden_state'];
  const dimensions = hidden?.dims[2];
  if (!(hidden?.data instanceof Float32Array) || dimensions !== EMBEDDING_DIMENSIONS) {
    throw new Error(`model.onnx gives no last_hidden_state of ${EMBEDDING_DIMENSIONS} floats a token`);
  }
  const { data } = hidden;
  return texts.map((tokens, text) =>
    meanPool(data, text, { tokens: tokens.length, paddedLength, dimensions }),
  );
}

/** Texts side by side, the shorter ones padded; the mask tells the network which tokens are text. */
function inputs(
  session: InferenceSession,
  texts: readonly number[][],
  paddedLength: number,
): Record<string, Tensor> {
  const dims = [texts.length, paddedLength];
  const ids = new BigInt64Array(texts.length * paddedLength);
  const mask = new BigInt64Array(ids.length);
  texts.forEach((tokens, text) => {
    tokens.forEach((id, token) => {
      ids[text * paddedLength + token] = BigInt(id);
      mask[text * paddedLength + token] = 1n;
    });
  });
  const known: Record<string, Tensor> = {
    input_ids: new Tensor('int64', ids, dims),
    attention_mask: new Tensor('int64', mask, dims),
    // Only a pair of texts has a second segment.
    token_type_ids: new Tensor('int64', new BigInt64Array(ids.length), dims),
  };
  // Some exports of the model leave the last input out, and a run refuses one it does not know.
  return Object.fromEntries(
    session.inputNames.map((name) => {
      const tensor = known[name];
      if (tensor === undefined)
        throw new Error(`model.onnx wants the input ${name}, which no sentence model of this kind has`);
      return [name, tensor];
    }),
  );
}
