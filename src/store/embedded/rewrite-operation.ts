import type { RewriteOperation, RewriteRequest, WrittenObject } from '../store.js';
import type { OpenedRewrite } from './catalog/rewrites.js';
import type { EngineContext } from './context.js';
import { OpenOperation, openExclusively } from './open-operation.js';

/** Step 1 of a rewrite. A dead attempt at the same source is closed first. */
export async function openRewrite(
  context: EngineContext,
  request: RewriteRequest,
  caller?: AbortSignal,
): Promise<RewriteOperation | undefined> {
  const opened = await openExclusively(context, `rewrite/${request.sources[0] ?? ''}`, () =>
    context.catalog.write.openRewrite({ ...request, ...context.lease() }),
  );
  return opened && new EmbeddedRewrite(context, request, opened, context.latch.open(opened.opId, caller));
}

class EmbeddedRewrite extends OpenOperation implements RewriteOperation {
  readonly objectKind: 'journal' | 'cold';
  readonly #request: RewriteRequest;

  constructor(context: EngineContext, request: RewriteRequest, opened: OpenedRewrite, signal: AbortSignal) {
    super(context, opened.opId, signal);
    this.#request = request;
    this.objectKind = opened.objectKind;
  }

  async commit(
    object: WrittenObject,
    rows: number,
    compacted?: { month: string; transitionId: string | undefined },
  ): Promise<number> {
    this.signal.throwIfAborted();
    const { systemId, sources } = this.#request;
    const now = this.context.now();
    const rewrite = { opId: this.opId, systemId, sources, object, rows, now, compacted };
    const moved = await this.context.catalog.write.commitRewrite(rewrite);
    this.committed = true;
    return moved;
  }

  protected override release(): Promise<void> {
    return Promise.resolve();
  }
}
