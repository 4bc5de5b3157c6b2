import { KINDS } from '../../../contract/index.js';
import { EMBEDDING_DIMENSIONS } from '../../../memory/index.js';
import type { SearchFilters } from '../../store.js';
import type { TableTier } from '../tiers/tables.js';
import { Matrix } from './matrix.js';
import type { IndexedPlace } from './messages.js';
import { Names } from './names.js';

const TIER_NUMBERS = { hot: 0, warm: 1 } as const satisfies Record<TableTier, number>;
export const TIER_COUNT = Object.keys(TIER_NUMBERS).length;

/** The columns beside the matrix, as they are in memory and in the file. */
function makeColumns(capacity: number) {
  return {
    /** 0 where the slot is free. */
    pid: new Float64Array(capacity),
    rowId: new Float64Array(capacity),
    ownTime: new Float64Array(capacity),
    knownSince: new Float64Array(capacity),
    system: new Uint32Array(capacity),
    project: new Uint32Array(capacity),
    kind: new Uint8Array(capacity),
    tier: new Uint8Array(capacity),
  };
}

export type Columns = ReturnType<typeof makeColumns>;

/** A search's filters, in the numbers that the columns hold. */
export interface RowFilter {
  system: number | undefined;
  project: number | undefined;
  kind: number | undefined;
  /** Undefined for both. */
  tier: number | undefined;
  since: number;
  until: number;
  knownBy: number;
  /** The slots that have the tag; undefined where none is asked for. */
  tagged: ReadonlySet<number> | undefined;
  /** Whether every row passes. */
  all: boolean;
}

/** The rows of the index: a slot for each, in which stand its vector and what searches filter by. */
export class IndexRows {
  readonly matrix = new Matrix();
  columns: Columns = makeColumns(0);
  /** Slots in use and free, all below this. */
  slots = 0;
  #systems = new Names();
  #projects = new Names();
  readonly #slotOf = new Map<number, number>();
  #free: number[] = [];

  get count(): number {
    return this.#slotOf.size;
  }

  /** Of the matrix, the columns, and what a map takes for each entry, about. */
  get bytes(): number {
    return this.matrix.bytes + this.columns.pid.length * 42 + this.#slotOf.size * 48;
  }

  /** Those that rows have: what a name stood for may be forgotten. */
  get names(): { systems: string[]; projects: string[] } {
    const [systems, projects] = [new Set<number>(), new Set<number>()];
    for (const slot of this.usedSlots()) {
      systems.add(this.columns.system[slot] ?? 0);
      projects.add(this.columns.project[slot] ?? 0);
    }
    return { systems: this.#systems.of(systems), projects: this.#projects.of(projects) };
  }

  slotOf(pid: number): number | undefined {
    return this.#slotOf.get(pid);
  }

  /** The placements of a range, free slots left out. */
  *pidsBetween(after: number, until: number): Generator<number> {
    for (const pid of this.#slotOf.keys()) if (pid > after && pid <= until) yield pid;
  }

  *usedSlots(): Generator<number> {
    for (let slot = 0; slot < this.slots; slot++) if (this.columns.pid[slot] !== 0) yield slot;
  }

  /** The slot of a placement, a new one where it has none. */
  place(place: IndexedPlace): number {
    const slot = this.#slotOf.get(place.pid) ?? this.#take();
    const { columns } = this;
    columns.pid[slot] = place.pid;
    columns.rowId[slot] = place.rowId;
    columns.ownTime[slot] = place.ownTime;
    columns.knownSince[slot] = place.knownSince;
    columns.system[slot] = this.#systems.numberOf(place.systemId);
    columns.project[slot] = this.#projects.numberOf(place.project);
    columns.kind[slot] = KINDS.indexOf(place.kind);
    columns.tier[slot] = TIER_NUMBERS[place.tier];
    this.#slotOf.set(place.pid, slot);
    return slot;
  }

  /** Leaves nothing of its vector. */
  remove(pid: number): number | undefined {
    const slot = this.#slotOf.get(pid);
    if (slot === undefined) return undefined;
    this.#slotOf.delete(pid);
    this.columns.pid[slot] = 0;
    this.matrix.clear(slot);
    this.#free.push(slot);
    return slot;
  }

  /** Undefined where nothing can pass. `pidsOf` tells the placements that have a tag, which are not kept here. */
  compile(filters: SearchFilters, pidsOf: (tag: string) => readonly number[]): RowFilter | undefined {
    const { systemId, project, kind, tag, since = -Infinity, until = Infinity, tiers } = filters;
    const { knownBy = Infinity } = filters;
    const system = systemId === undefined ? undefined : this.#systems.find(systemId);
    const number = project === undefined ? undefined : this.#projects.find(project);
    const asked = (['hot', 'warm'] as const).filter((tier) => tiers.includes(tier));
    const [first] = asked;
    if (first === undefined) return undefined;
    if (systemId !== undefined && system === undefined) return undefined;
    if (project !== undefined && number === undefined) return undefined;
    const tier = asked.length === 2 ? undefined : TIER_NUMBERS[first];
    const kindNumber = kind === undefined ? undefined : KINDS.indexOf(kind);
    const tagged = tag === undefined ? undefined : this.#slotsOf(pidsOf(tag));
    const all = [system, number, kindNumber, tier, tagged].every((asks) => asks === undefined);
    return {
      system,
      project: number,
      kind: kindNumber,
      tier,
      since,
      until,
      knownBy,
      tagged,
      all: all && since === -Infinity && until === Infinity && knownBy === Infinity,
    };
  }

  passes(slot: number, filter: RowFilter): boolean {
    const { columns } = this;
    const ownTime = columns.ownTime[slot] ?? 0;
    return (
      columns.pid[slot] !== 0 &&
      (filter.system === undefined || columns.system[slot] === filter.system) &&
      (filter.project === undefined || columns.project[slot] === filter.project) &&
      (filter.kind === undefined || columns.kind[slot] === filter.kind) &&
      (filter.tier === undefined || columns.tier[slot] === filter.tier) &&
      ownTime >= filter.since &&
      ownTime < filter.until &&
      (columns.knownSince[slot] ?? 0) <= filter.knownBy &&
      filter.tagged?.has(slot) !== false
    );
  }

  /** Room for the rows of a file, whose columns and matrix are then filled in, before `restored`. */
  restore(slots: number, names: { systems: readonly string[]; projects: readonly string[] }): void {
    this.#systems = new Names(names.systems);
    this.#projects = new Names(names.projects);
    this.slots = slots;
    this.matrix.grow(slots);
    this.columns = makeColumns(slots);
  }

  restored(): void {
    for (let slot = 0; slot < this.slots; slot++) {
      const pid = this.columns.pid[slot] ?? 0;
      if (pid === 0) this.#free.push(slot);
      else {
        this.#slotOf.set(pid, slot);
        this.matrix.measure(slot);
      }
    }
  }

  #slotsOf(pids: readonly number[]): Set<number> {
    return new Set(pids.map((pid) => this.#slotOf.get(pid)).filter((slot) => slot !== undefined));
  }

  #take(): number {
    const slot = this.#free.pop() ?? this.slots++;
    this.matrix.grow(this.slots);
    if (slot >= this.columns.pid.length) this.#growColumns();
    return slot;
  }

  #growColumns(): void {
    const grown = makeColumns(Math.max(1024, this.columns.pid.length * 2));
    grown.pid.set(this.columns.pid);
    grown.rowId.set(this.columns.rowId);
    grown.ownTime.set(this.columns.ownTime);
    grown.knownSince.set(this.columns.knownSince);
    grown.system.set(this.columns.system);
    grown.project.set(this.columns.project);
    grown.kind.set(this.columns.kind);
    grown.tier.set(this.columns.tier);
    this.columns = grown;
  }
}

/** What a row takes in memory, about; in the graph measured, beside it the matrix, the columns and the map. */
export const BYTES_PER_ROW = {
  graph: 530,
  all: 530 + EMBEDDING_DIMENSIONS * 2 + 4 + 42 + 48,
} as const;
