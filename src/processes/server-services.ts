import { toBreakerReply, type ApiServices } from '../api/index.js';
import type { AkoshaClient } from '../client/index.js';
import type { OutageStatus } from '../bootstrap/index.js';
import type { Settings } from '../config/index.js';
import {
  type SystemId,
  AkoshaError,
  isAkoshaError,
  messageOf,
  TIERS,
  type MemoryKey,
  type UploadRef,
} from '../contract/index.js';
import { drillStatus } from './drills.js';
import type { Embedding } from './embedding.js';
import { requireForget, type Forgets } from './forgets.js';
import type { ObjectEvents } from './object-events.js';
import { ingestStatus } from './ingest-status.js';
import {
  dropUpload,
  explainUpload,
  listUploads,
  requestAgain,
  requireUpload,
  retryUpload,
  type BatchAcceptor,
} from '../ingest/index.js';
import { describeSelection, forecastTransition, pin, unpin } from '../maintenance/index.js';
import type { MemoryExplanation, TransitionReport, UploadRecord } from '../store/index.js';
import type { Repairs } from './repairs.js';
import { scrubStatus } from './scrubs.js';
import { select } from './select.js';
import type { ServerParts } from './server-parts.js';
import { describeVectorIndexes } from './vector-index.js';

export interface ServerState {
  /** Whether the workers take work from Temporal. */
  working: boolean;
  stopping: boolean;
  /** Undefined while there is no outage of Temporal. */
  outage: () => OutageStatus | undefined;
}

export interface ServiceInputs {
  settings: Settings;
  version: string;
  parts: ServerParts;
  client: AkoshaClient;
  /** Temporal, or in an outage whoever ingests then. */
  ingest: Pick<AkoshaClient, 'nudgeIngest'>;
  acceptor: BatchAcceptor;
  events: ObjectEvents;
  embedding: Pick<Embedding, 'status' | 'moveTo'>;
  forgets: Forgets;
  repairs: Pick<Repairs, 'start' | 'status'>;
  state: ServerState;
  onShutdown: () => void;
  describe: () => Record<string, unknown>;
}

/** What the API serves, over the parts of a running server. */
export function serverServices(inputs: ServiceInputs): ApiServices {
  const { parts, state } = inputs;
  return {
    search: (request, signal) => parts.search.search(request, signal),
    triggerIngest: (systemId) => withTemporal(inputs, () => inputs.client.triggerIngest(systemId)),
    acceptRows: (source, rows) => inputs.acceptor.accept(source, rows),
    takeEvents: (event, signal) => inputs.events.intake.takePosted(event, signal),
    circuitBreakers: () => parts.breakers.statuses(),
    shutdown: inputs.onShutdown,
    status: (systemId) => describeServer(inputs, systemId),
    tiers: () => parts.store.countTiers(),
    ...tierServices(parts),
    listMemories: (systemId, page) => parts.store.listMemories(systemId, page),
    select: (request, signal) => select(parts.search, request, signal),
    describeSelection: (selection) => describeSelection(parts.store, selection),
    listPins: (page) => parts.store.listPins(page),
    pin: (selection, request) => pin(parts.store, selection, request),
    unpin: (selection) => unpin(parts.store, selection),
    moveMemories: (request) => withTemporal(inputs, () => inputs.client.moveMemories(request)),
    explainMemory: (key) => explainMemory(parts, key),
    explainUpload: (ref) => explainUpload(parts.store, ref),
    getUpload: (ref) => requireUpload(parts.store, ref),
    listUploads: (page) => listUploads(parts.store, page),
    retryUpload: (ref) => retry(inputs, ref),
    ingestAgain: (ref) => again(inputs, ref),
    dropUpload: (ref, decision) => dropUpload(parts.ingest, ref, decision),
    previewForget: (scope) => parts.store.previewForget(scope),
    forget: (scope) => inputs.forgets.request(scope),
    liftForget: (scope) => inputs.forgets.lift(scope),
    getForget: (scopeId) => requireForget(parts.store, scopeId),
    listForgets: (limit) => parts.store.listForgets(limit),
    embedding: () => inputs.embedding.status(),
    reembed: (model = inputs.settings.embeddingModel) => inputs.embedding.moveTo(model),
    repairStatus: () => inputs.repairs.status(),
    repair: (tiers) => inputs.repairs.start(tiers),
    scrubStatus: () => scrubStatus(parts.store),
    scrub: () => withTemporal(inputs, () => inputs.client.runScrub()),
    releaseScrub: (reason) => parts.store.releaseFindings(reason),
    drillStatus: () => drillStatus(parts.store),
    drill: () => withTemporal(inputs, () => inputs.client.runDrill()),
    readiness: () =>
      Promise.resolve({
        ready: isReady(inputs),
        checks: {
          store: parts.store.failure()?.message ?? 'ok',
          workers: state.working ? 'ok' : 'not connected to Temporal',
          orchestrator: describeOrchestrator(state.outage()),
          process: state.stopping ? 'shutting down' : 'ok',
        },
      }),
  };
}

async function explainMemory({ store, clock }: ServerParts, key: MemoryKey): Promise<MemoryExplanation> {
  const found = await store.explainMemory(key, clock());
  if (found !== undefined) return found;
  const { systemId, kind, memoryId } = key;
  throw new AkoshaError(
    'MemoryUnknown',
    `the store has no ${kind} ${memoryId} of system ${systemId}: \`akosha search\` shows keys, and \`akosha receipts --system ${systemId}\` what came from it`,
    { details: { ...key } },
  );
}

/** Of these many parts an answer is some megabytes; what is beyond is counted. */
const PARTS_TOLD = 10_000;

function tierServices({
  store,
  maintenance,
  clock,
}: ServerParts): Pick<
  ApiServices,
  'tierPause' | 'pauseTiers' | 'resumeTiers' | 'forecastTransition' | 'transitionReports'
> {
  return {
    tierPause: () => store.tierPause(),
    pauseTiers: (reason) => store.pauseTiers(reason),
    resumeTiers: () => store.resumeTiers(),
    forecastTransition: ({ asOf = clock(), all }) =>
      forecastTransition(maintenance, { asOf, all, limit: PARTS_TOLD }),
    transitionReports: (limit) => store.transitionReports(limit, PARTS_TOLD),
  };
}

async function retry(inputs: ServiceInputs, ref: UploadRef): Promise<UploadRecord> {
  const { parts } = inputs;
  await retryUpload(parts.ingest, ref);
  const record = await requireUpload(parts.store, ref);
  tellIngest(inputs, ref.systemId);
  return record;
}

async function again(inputs: ServiceInputs, ref: UploadRef): Promise<UploadRecord> {
  const record = await requestAgain(inputs.parts.ingest, ref);
  tellIngest(inputs, ref.systemId);
  return record;
}

/** Not waited for: the upload is in the queue, and the poll starts its system's ingest where this does not. */
function tellIngest({ ingest, parts }: ServiceInputs, systemId: string): void {
  ingest.nudgeIngest([systemId]).catch((error: unknown) => {
    parts.ingest.log?.warn({ systemId, reason: messageOf(error) }, 'could not start ingest; the poll will');
  });
}

/** A Temporal at hand answers in milliseconds; whoever asks for a workflow is to learn at once that there is none. */
const REACHABLE_MS = 1_000;

/**
 * Asks first whether Temporal is there: a start would be tried again for 10 s. Workers that are not connected say that it is
 * away; workers that are do not say the opposite, because they keep polling one that went silent.
 */
async function withTemporal<T>({ client, state }: ServiceInputs, start: () => Promise<T>): Promise<T> {
  if (!state.working || !(await client.isReachable(REACHABLE_MS))) throw temporalAway(client);
  try {
    return await start();
  } catch (error) {
    throw isAkoshaError(error, 'OrchestratorUnavailable') ? temporalAway(client, error) : error;
  }
}

/** In words for whoever operates this server; what Temporal's client has to say is its cause. */
function temporalAway({ connection: { address, namespace } }: AkoshaClient, cause?: unknown): AkoshaError {
  return new AkoshaError(
    'OrchestratorUnavailable',
    `this server is not connected to Temporal (${address}, namespace ${namespace}): start it, or set TEMPORAL_ADDRESS to where it is`,
    { cause, details: { address, namespace } },
  );
}

function describeOrchestrator(outage: OutageStatus | undefined): string {
  if (outage === undefined) return 'ok';
  return `bootstrap: Temporal does not answer since ${outage.since}; the server does its work itself`;
}

/**
 * In bootstrap mode the server does all its work, so it is ready: taken out of service it would neither be searched nor take memories in,
 * and restarting it brings no Temporal back. A store that lost a part does not mend itself: whoever watches readiness is to restart
 * the process.
 */
function isReady({ parts, state }: ServiceInputs): boolean {
  const atWork = state.working || state.outage() !== undefined;
  return atWork && !state.stopping && parts.store.failure() === undefined;
}

async function describeServer(
  inputs: ServiceInputs,
  systemId: SystemId | undefined,
): Promise<Record<string, unknown>> {
  const { settings, version, parts, client, state, describe } = inputs;
  const tiers = await parts.store.countTiers();
  return {
    version,
    ready: isReady(inputs),
    temporal: {
      address: client.connection.address,
      namespace: client.connection.namespace,
      connected: state.working,
    },
    mode: state.outage() === undefined ? 'normal' : 'bootstrap',
    bootstrap: state.outage() ?? null,
    object_store: parts.uploads.url,
    archive_store: parts.archive.url,
    clock: settings.clock,
    discovery: inputs.events.status(),
    uploads: await parts.store.countUploads(),
    ...(await ingestStatus(parts.store, systemId)),
    transition: await transitionStatus(parts),
    embedding: await inputs.embedding.status(),
    vector_indexes: await describeVectorIndexes(parts.store),
    damaged_tiers: inputs.repairs.status().damaged,
    rows: Object.fromEntries(TIERS.map((tier) => [tier, tiers[tier].rows])),
    circuit_breakers: parts.breakers.statuses().map(toBreakerReply),
    ...describe(),
  };
}

/** The last transition, and whether moving is paused. */
async function transitionStatus({ store }: ServerParts): Promise<Record<string, unknown>> {
  const pause = await store.tierPause();
  const [last] = await store.transitionReports(1, 0);
  return {
    paused: pause === undefined ? null : { since: new Date(pause.since).toISOString(), reason: pause.reason },
    last: last === undefined ? null : toLast(last),
  };
}

function toLast({ transitionId, begunAt, outcome, totals }: TransitionReport) {
  return {
    id: transitionId,
    begun_at: new Date(begunAt).toISOString(),
    state: outcome ?? 'under way',
    rows_to_warm: totals.toWarm,
    rows_to_cold: totals.toCold,
  };
}
