import { setTimeout as sleep } from 'node:timers/promises';
import { AkoshaError, NOTHING_FORGOTTEN, TABLE_TIERS, type ForgetScope } from '../../contract/index.js';
import { scopeIdOf } from '../../memory/index.js';
import { throwIfAborted } from '../../objects/index.js';
import type { Erasure, ForgetStore } from '../store.js';
import type { ForgottenKey, ScopeRow } from './catalog/forget.js';
import type { EngineContext } from './context.js';
import { openRewrite } from './rewrite-operation.js';
import { ScopeRows } from './tiers/erasing.js';
import { overwriteFreeBlocks } from './tiers/free-blocks.js';
import type { VectorIndexes } from './vector-index/vector-indexes.js';

/** What the engine does to forget. */
export function forgetStore(context: EngineContext, indexes: VectorIndexes): ForgetStore {
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
    eraseDerived: async (signal) => {
      context.texts.clear();
      await eraseWords(context, signal);
      await indexes.eraseGone();
      await context.cold.removeOthers(() => keepers(context));
      await removeSetAside(context);
      for (const tier of TABLE_TIERS) await overwriteFreeBlocks(context.tiers, tier, signal);
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
    loadTombstones: (standing) => loadTombstones(context, standing),
  };
}

/** See `ForgetStore.loadTombstones`. */
export function loadTombstones(
  { catalog, now }: EngineContext,
  standing: Parameters<ForgetStore['loadTombstones']>[0],
): Promise<void> {
  const rows = standing.map((one) => ({ ...one, row: toRow(one.scope), counts: NOTHING_FORGOTTEN }));
  return catalog.write.loadTombstones(rows, now());
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
    eraseRows: async () => {
      await removeSetAside(context);
      return rows.erase();
    },
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

async function eraseWords({ catalog }: EngineContext, signal: AbortSignal | undefined): Promise<void> {
  await mergeDeletedWords(catalog, signal);
  while (await catalog.write.overwriteFreePages()) throwIfAborted(signal, 'erasing of words');
  // What was overwritten is in the file only once its log is folded into it, and the log has it until it is emptied.
  for (let tries = 1; !(await catalog.write.checkpoint()); tries++) {
    throwIfAborted(signal, 'erasing of words');
    if (tries === LOG_TRIES) {
      throw new AkoshaError(
        'VerifyFailed',
        'the log of the catalog still has what was erased: a backup reads it',
      );
    }
    await sleep(LOG_PAUSE_MS);
  }
}

/**
 * A commit between two steps may keep the second from going on, and then the merge begins again. Where that happens each time, it is done at once, which holds
 * up commits for some seconds for each hundred thousand texts.
 */
async function mergeDeletedWords(
  { write }: EngineContext['catalog'],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let tries = 0; tries < MERGE_TRIES && (await write.hasDeletedWords()); tries++) {
    for (let step: 'begin' | 'go on' = 'begin'; await write.mergeWords(step); step = 'go on')
      throwIfAborted(signal, 'erasing of words');
  }
  if (await write.hasDeletedWords()) await write.mergeWords('whole');
}

/** Of a store that takes uploads in all the while, the second is as likely to be cut short as the first. */
const MERGE_TRIES = 2;

/** Some 10 s, in which a backup of a million uploads is written; behind them the whole look is tried again. */
const LOG_TRIES = 20;

/** Commits that waited for a try get through before the next. */
const LOG_PAUSE_MS = 300;

/** Files that nothing reads any more, and nothing can read to find out what is in them. */
async function removeSetAside({ tiers }: EngineContext): Promise<void> {
  for (const tier of TABLE_TIERS) await tiers.removeSetAside(tier);
}

/** Keys, or names, per message from the catalog's thread: some milliseconds. */
const KEYS = 5_000;

async function* keepers({ catalog }: EngineContext): AsyncGenerator<string[]> {
  for (let after: number | undefined = 0; after !== undefined;) {
    const found: { objectId: number; name: string }[] = await catalog.read.keepers(after, KEYS);
    yield found.map(({ name }) => name);
    after = found.at(-1)?.objectId;
  }
}

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
