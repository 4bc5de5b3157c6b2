import type { Tier } from './memory.js';

/** Task queues. One place, because client and worker must agree letter by letter. */
export const TASK_QUEUES = {
  /** Workflows and object-storage activities of the server. */
  server: 'akosha',
  /** Activities that touch the store; only the process that owns the store polls it. */
  store: 'akosha-store',
  /** Activities of one host's agent: its files are on that host only. */
  agent: (systemId: string): string => `akosha-agent-${systemId}`,
} as const;

/** The server's workers, to Temporal: the name that its versions are set current under. For ever, as operators' commands have it. */
export const WORKER_DEPLOYMENT = 'akosha';

/** Workflow types: the exported function's name is the type, for ever. */
export const WORKFLOWS = {
  uploadMemory: 'uploadMemory',
  ingestSystem: 'ingestSystem',
  dailyIngest: 'dailyIngest',
  tierTransition: 'tierTransition',
  moveMemories: 'moveMemories',
  outageRecord: 'outageRecord',
  forgetSystem: 'forgetSystem',
  maintenance: 'maintenance',
  scrub: 'scrub',
  restoreDrill: 'restoreDrill',
} as const;

/** Workflow ids are business keys, so that starting twice means joining. */
export const WORKFLOW_IDS = {
  uploadMemory: (systemId: string): string => `upload/${systemId}`,
  ingestSystem: (systemId: string): string => `ingest/${systemId}`,
  dailyIngest: (time: string): string => `daily-ingest/manual/${time}`,
  /** Of one system or of all. No system's name is a time: that has colons. */
  triggeredIngest: (systemId?: string): string =>
    systemId === undefined ? 'daily-ingest/manual' : `daily-ingest/manual/${systemId}`,
  tierTransition: (time: string): string => `tier-transition/manual/${time}`,
  /** Of one system's memories or of those of several: two at once would undo each other's work. */
  moveMemories: (systemId?: string): string => (systemId === undefined ? 'move' : `move/${systemId}`),
  /** By what is forgotten: of a system its id alone. */
  forgetSystem: (scopeId: string): string => `forget/${scopeId.replace(/^system\//, '')}`,
  /** That a person asks for. */
  scrub: 'scrub/manual',
  restoreDrill: 'restore-drill/manual',
  /** By when the outage began, ISO 8601. */
  outageRecord: (start: string): string => `outage/${start}`,
} as const;

/** The system that a workflow works for, by its id; undefined where it works for all. */
export function systemOfWorkflow(workflowId: string): string | undefined {
  return /^(?:upload|ingest|move|forget|daily-ingest\/manual)\/([^/:]+)$/.exec(workflowId)?.[1];
}

export const SCHEDULE_IDS = {
  dailyIngest: 'akosha-daily-ingest',
  tierTransition: 'akosha-tier-transition',
  maintenance: 'akosha-maintenance',
  scrub: 'akosha-scrub',
  restoreDrill: 'akosha-restore-drill',
} as const;

/**
 * Wire names of messages. `uploadReady` and `syncRequested` are nudges: lost or doubled ones do not matter. The first says how urgent the upload
 * is, of which servers of before sent nothing. Nor does a `transferProgress` that is lost matter: the next one says more.
 */
export const SIGNALS = {
  uploadReady: 'uploadReady',
  syncRequested: 'syncRequested',
  transferProgress: 'transferProgress',
} as const;
export const QUERIES = { progress: 'progress' } as const;

/**
 * Changes of the workflows that runs may have begun before, each named by what they do since. One goes, with the old path beside it,
 * once no run of before it can exist.
 */
export const PATCHES = { walkInPortions: 'walk-in-portions', ownHistoryBound: 'own-history-bound' } as const;

/** Custom search attributes, all of type Keyword. Prefixed, because a namespace is shared. */
export const SEARCH_ATTRIBUTES = {
  systemId: 'AkoshaSystemId',
  uploadId: 'AkoshaUploadId',
  tier: 'AkoshaTier',
  phase: 'AkoshaPhase',
} as const;

/** What every workflow's `progress` query answers. */
export interface Progress {
  phase: string;
  done: number;
  /** Unknown until planned. */
  total: number | null;
  unit: 'files' | 'uploads' | 'rows' | 'objects' | 'steps';
  systemId: string | null;
  uploadId: string | null;
  tier: Tier | null;
  /** Of a transfer, sent and in all; null elsewhere. */
  bytes: number | null;
  totalBytes: number | null;
  /** ISO 8601, when `phase` or `done` last changed. */
  updatedAt: string;
}
