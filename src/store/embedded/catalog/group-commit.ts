import type { CatalogDatabase } from './database.js';
import type { WRITE_METHODS } from './methods.js';

/**
 * What an ingest asks of the catalog, each a small transaction or a statement. Others change settings of the connection or tables, read long, or
 * write so much that nobody should wait for them in company.
 */
const SHARING: ReadonlySet<string> = new Set<keyof typeof WRITE_METHODS>([
  'registerUploads',
  'advanceUpload',
  'beginRead',
  'recordReadFailure',
  'withdrawRead',
  'clearReads',
  'stageRows',
  'stageTexts',
  'stageMissing',
  'dropStage',
  'openOperations',
  'openIngest',
  'commitIngest',
  'abortOperation',
]);

/** A group is closed after so long, which is what the first of it may have to wait for the others: some commits of a hundred memories. */
const LONGEST_MS = 50;

interface Request {
  method: string;
}

/** Whether the first of them may share a commit, and has company. */
export function sharesCommit([first, second]: readonly Request[]): boolean {
  return [first, second].every((request) => request !== undefined && SHARING.has(request.method));
}

/**
 * Group commit: answers the first ones of those that wait, in their order, in one transaction of SQLite, so that they share its wait for the disk and
 * the pages that each of them would have written anew. Each is a transaction of its own within it, and is answered once all are
 * committed. Where that fails, nothing of them stands, and each is answered by itself: then it is that one's own error.
 */
export function answerTogether<R extends Request, Answer>(
  database: CatalogDatabase,
  waiting: readonly R[],
  answer: (request: R) => Answer,
): Answer[] {
  const answers: Answer[] = [];
  const until = performance.now() + LONGEST_MS;
  try {
    database.shareCommit((requireOpen) => {
      for (const request of waiting) {
        if (!SHARING.has(request.method) || (answers.length > 0 && performance.now() > until)) return;
        answers.push(answer(request));
        requireOpen();
      }
    });
    return answers;
  } catch {
    return waiting.slice(0, Math.max(answers.length, 1)).map(answer);
  }
}
