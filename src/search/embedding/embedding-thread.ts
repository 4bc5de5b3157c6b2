import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { z } from 'zod';
import { messageOf } from '../../contract/index.js';
import type { ThreadReply, ThreadRequest } from './messages.js';
import type { SentenceModel } from './sentence-model.js';

const ThreadData = z.object({ model: z.string(), tokenizer: z.string() });

/** Loads the model, then answers requests until the port is closed. */
async function serve(port: MessagePort): Promise<void> {
  const reply = (message: ThreadReply): void => port.postMessage(message);
  const started = performance.now();
  let model: SentenceModel;
  try {
    // Imported here, so that a native part that cannot load is a reply and not a dead thread.
    const { loadSentenceModel } = await import('./sentence-model.js');
    model = await loadSentenceModel(ThreadData.parse(workerData));
  } catch (error) {
    reply({ kind: 'unloadable', fault: messageOf(error) });
    return;
  }
  port.on('message', (request: ThreadRequest) => {
    if (request.kind === 'close') {
      port.close();
      return;
    }
    model.embed(request.texts).then(
      (vectors) => reply({ kind: 'vectors', vectors }),
      (error: unknown) => reply({ kind: 'failed', fault: messageOf(error) }),
    );
  });
  reply({ kind: 'loaded', milliseconds: performance.now() - started });
}

if (parentPort !== null) await serve(parentPort);
