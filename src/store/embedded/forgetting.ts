import { NOTHING_FORGOTTEN, type ForgetScope } from '../../contract/index.js';
import { scopeIdOf } from '../../memory/index.js';
import { throwIfAborted } from '../../objects/index.js';
import type { Erasure, ForgetStore } from '../store.js';
import type { ForgottenKey, ScopeRow } from './catalog/forget.js';
import type { EngineContext } from './context.js';
import { openRewrite } from './rewrite-operation.js';
import { ScopeRows } from './tiers/erasing.js';

/** What the engine does to forget. */
export function forgetStore(context: EngineContext): ForgetStore {
  const { catalog } = context;
  return {
    previewForget: (scope) => catalog.read.previewForget(toRow(scope)),
    beginForget: async ({ scope, requestedAt }) => {
      const row = toRow(scope);
      const aborted = await catalog.write.beginForget({ row, scope, requestedAt, now: context.now() });
      // The catalog has them closed already: what they still write is garbage, and is looked for once it has landed.
      await Promise.all(aborted.map((opId) => context.latch.close(opId)));
    },
    openErasure: (scope, signal) => openErasure(context, toRow(scope), signal),
    openRewrite: (request, signal) => openRewrite(context, request, signal),
    eraseWords: async (signal) => {
      for (let first = true; await catalog.write.mergeWords(first); first = false)
        throwIfAborted(signal, 'erasing of words');
      while (await catalog.write.overwriteFreePages()) throwIfAborted(signal, 'erasing of words');
      // What was overwritten is in the file only once its log is folded into it.
      await catalog.write.checkpoint();
    },
    isKeeper: (name) => catalog.read.isKeeper(name),
    addForgetCounts: ({ scope, requestedAt }, counts) =>
      catalog.write.addForgetCounts({ scopeId: scopeIdOf(scope), requestedAt }, counts),
    getForget: (scopeId) => catalog.read.getForget(scopeId),
    listForgets: (limit) => catalog.read.listForgets(limit),
    tombstones: () => catalog.read.tombstones(),
    finishForget: (receipt) =>
      catalog.write.finishForget({
        scopeId: receipt.scope_id,
        requestedAt: Date.parse(receipt.requested_at),
        receipt,
      }),
    liftForget: (scopeId) => catalog.write.liftForget(scopeId, context.now()),
    loadTombstones: (standing) =>
      catalog.write.loadTombstones(
        standing.map((one) => ({ ...one, row: toRow(one.scope), counts: NOTHING_FORGOTTEN })),
        context.now(),
      ),
  };
}

function toRow(scope: ForgetScope): ScopeRow {
  const row = { scopeId: scopeIdOf(scope), scope: scope.scope, project: '', kind: '', memoryId: '' };
  switch (scope.scope) {
    case 'system':
      return { ...row, system: scope.systemId };
    case 'project':
      return { ...row, system: scope.systemId ?? '', project: scope.project };
    case 'memory':
      return { ...row, system: scope.systemId, kind: scope.kind, memoryId: scope.memoryId };
  }
}

async function openErasure(
  context: EngineContext,
  scope: ScopeRow,
  signal: AbortSignal = new AbortController().signal,
): Promise<Erasure> {
  const { catalog, tiers } = context;
  const rows = await ScopeRows.load(tiers, scope, forgottenKeys(context, scope.scopeId), signal);
  return {
    eraseRows: () => rows.erase(),
    countRows: (file) => rows.countIn(file),
    exportOthers: (file, to, kind) => rows.exportOthers(file, to, kind),
    verifyOthers: (source, file) => rows.verifyOthers(source, file),
    remains: async () => ({
      placements: await catalog.read.countInScope(scope),
      rows: await rows.count(),
      words: await catalog.read.countLostWords(),
    }),
    close: () => rows.close(),
  };
}

/** Keys per message from the catalog's thread: some milliseconds. */
const KEYS = 5_000;

async function* forgottenKeys(
  { catalog }: EngineContext,
  scopeId: string,
): AsyncGenerator<readonly ForgottenKey[]> {
  for (let after: Omit<ForgottenKey, 'beforeOp'> = { system: '', kind: '', memoryId: '' }; ;) {
    const keys = await catalog.read.forgottenKeys({ scopeId, after, limit: KEYS });
    yield keys;
    const last = keys.at(-1);
    if (last === undefined || keys.length < KEYS) return;
    after = last;
  }
}
