import { messageOf } from '../../contract/index.js';

/** A server's answer is small; a larger one is a mistake, and would be held in memory to find that out. */
const MAX_ANSWER_LENGTH = 4 * 1024 ** 2;

/** An answer's body, of at most four million characters; raises for a longer one. */
export async function readText(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const chunk: unknown = (await reader?.read())?.value;
    if (!(chunk instanceof Uint8Array)) return text + decoder.decode();
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_ANSWER_LENGTH) {
      await reader?.cancel();
      throw new Error(`its answer has more than ${MAX_ANSWER_LENGTH} characters`);
    }
  }
}

/** `fetch` says only that it failed; why stands in its cause. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? messageOf(cause) : messageOf(error);
}
