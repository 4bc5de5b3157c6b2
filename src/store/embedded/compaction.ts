import type {
  CompactionGroup,
  CompactionOperation,
  CompactionStore,
  ObjectPut,
  RewriteOperation,
  WrittenObject,
} from '../store.js';
import type { EngineContext } from './context.js';
import { openRewrite } from './rewrite-operation.js';
import { CompactionStaging } from './tiers/compacting.js';

/** What the engine does to merge cold objects. */
export function compactionStore(context: EngineContext): CompactionStore {
  const { read, write } = context.catalog;
  return {
    isCompactionTurn: () => read.isCompactionTurn(context.now()),
    takeCompactionTurn: (lookedAt) => write.takeCompactionTurn({ now: context.now(), lookedAt }),
    compactionsDue: (all) => read.compactionsDue(all),
    compactionGroups: ({ systemId, year, month }, all) =>
      read.compactionGroups({ systemId, month: `${year}-${String(month).padStart(2, '0')}`, all }),
    openCompaction: (group, signal) => openCompaction(context, group, signal),
  };
}

async function openCompaction(
  context: EngineContext,
  group: CompactionGroup,
  signal: AbortSignal = new AbortController().signal,
): Promise<CompactionOperation | undefined> {
  const sources = group.sources.map(({ name }) => name);
  const rewrite = await openRewrite(context, { kind: 'compact', systemId: group.systemId, sources }, signal);
  if (rewrite === undefined) return undefined;
  try {
    // After it was opened: no placement gets a standing object for its keeper, so what they keep at the commit they keep now.
    const kept = await context.catalog.background.keptRows(sources);
    if (kept.length > 0) {
      const staging = await CompactionStaging.load(context.tiers, kept, signal);
      return new EmbeddedCompaction(context, group, rewrite, staging, kept.length);
    }
  } catch (error) {
    await rewrite.close();
    throw error;
  }
  await rewrite.close();
  return undefined;
}

class EmbeddedCompaction implements CompactionOperation {
  readonly opId: number;
  readonly #sources: string[];

  constructor(
    private readonly context: EngineContext,
    private readonly group: CompactionGroup,
    private readonly rewrite: RewriteOperation,
    private readonly staging: CompactionStaging,
    readonly rows: number,
  ) {
    this.opId = rewrite.opId;
    this.#sources = group.sources.map(({ name }) => name);
  }

  write<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.rewrite.write(work);
  }

  putObject(put: ObjectPut): Promise<WrittenObject> {
    return this.rewrite.putObject(put);
  }

  exportObject(path: string): Promise<void> {
    return this.#withSources((files) => this.write(() => this.staging.export(this.#sources, files, path)));
  }

  async verifyObject(path: string, object: WrittenObject): Promise<void> {
    await this.#withSources((files) => this.staging.verify(this.#sources, files, path));
    await this.context.cold.adopt(object, path);
  }

  commit(object: WrittenObject, transitionId?: string): Promise<number> {
    const { month } = this.group;
    return this.rewrite.commit(object, this.rows, { month, transitionId });
  }

  async close(): Promise<void> {
    try {
      await this.rewrite.close();
    } finally {
      this.staging.close();
    }
  }

  #withSources<T>(work: (files: string[]) => Promise<T>): Promise<T> {
    return this.context.cold.use(this.group.sources, work);
  }
}
