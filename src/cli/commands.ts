import type { Command } from 'commander';

export interface CommandModule {
  /** Adds arguments, options, examples and the action to a command. */
  define: (command: Command) => void;
}

interface CommandEntry {
  name: string;
  summary: string;
  load: () => Promise<CommandModule>;
}

export const COMMANDS: readonly CommandEntry[] = [
  { name: 'up', summary: 'run everything on this machine', load: () => import('./commands/up.js') },
  {
    name: 'server',
    summary: 'run the server: store, ingest, tiers, search, API',
    load: () => import('./commands/server.js'),
  },
  { name: 'agent', summary: 'run the agent of this host', load: () => import('./commands/agent.js') },
  { name: 'sync', summary: "upload this host's memories", load: () => import('./commands/sync.js') },
  { name: 'mcp', summary: 'let an MCP client ask for uploads', load: () => import('./commands/mcp.js') },
  {
    name: 'restore',
    summary: 'write the memories of a system back as databases',
    load: () => import('./commands/restore.js'),
  },
  {
    name: 'export',
    summary: 'write the memories of a system to one file',
    load: () => import('./commands/export.js'),
  },
  {
    name: 'session-end',
    summary: 'note that a session has ended, and return at once',
    load: () => import('./commands/session-end.js'),
  },
  {
    name: 'hooks',
    summary: 'have Claude Code call session-end, or not any more',
    load: () => import('./commands/hooks.js'),
  },
  {
    name: 'status',
    summary: 'what runs, where, and how it is doing',
    load: () => import('./commands/status.js'),
  },
  { name: 'search', summary: 'search all memories', load: () => import('./commands/search.js') },
  { name: 'ingest', summary: 'run the daily ingest now', load: () => import('./commands/ingest.js') },
  {
    name: 'receipts',
    summary: 'what became of each upload',
    load: () => import('./commands/receipts.js'),
  },
  {
    name: 'quarantine',
    summary: 'uploads that could not be read: list, retry or drop them',
    load: () => import('./commands/quarantine.js'),
  },
  {
    name: 'explain',
    summary: 'where a memory is and why, or what became of an upload',
    load: () => import('./commands/explain.js'),
  },
  {
    name: 'pin',
    summary: 'keep memories in their tier, or list what is kept',
    load: () => import('./commands/pin.js'),
  },
  {
    name: 'unpin',
    summary: 'let pinned memories age again',
    load: () => import('./commands/unpin.js'),
  },
  {
    name: 'move',
    summary: 'move memories to a colder tier now',
    load: () => import('./commands/move.js'),
  },
  {
    name: 'thaw',
    summary: 'bring memories back to a warmer tier',
    load: () => import('./commands/thaw.js'),
  },
  { name: 'tiers', summary: 'show the tiers, or age them now', load: () => import('./commands/tiers.js') },
  {
    name: 'rebuild',
    summary: 'make the store anew from object storage',
    load: () => import('./commands/rebuild.js'),
  },
  {
    name: 'forget',
    summary: 'erase memories everywhere, and keep them out; or let them in again',
    load: () => import('./commands/forget.js'),
  },
  {
    name: 'repair',
    summary: 'bring back what a lost or damaged file of the store held',
    load: () => import('./commands/repair.js'),
  },
  {
    name: 'downgrade',
    summary: 'take the store back to an older version of its schema',
    load: () => import('./commands/downgrade.js'),
  },
  {
    name: 'scrub',
    summary: 'compare what stands with what is on record; what a scrub found, and its release',
    load: () => import('./commands/scrub.js'),
  },
  {
    name: 'drill',
    summary: 'rebuild the store into a scratch folder, and compare it',
    load: () => import('./commands/drill.js'),
  },
  {
    name: 'reembed',
    summary: 'move the store to another embedding model',
    load: () => import('./commands/reembed.js'),
  },
  {
    name: 'schedules',
    summary: 'list, pause, resume, trigger or backfill the schedules',
    load: () => import('./commands/schedules.js'),
  },
  {
    name: 'replay',
    summary: 'replay a workflow on this program: its steps, and where it diverges',
    load: () => import('./commands/replay.js'),
  },
  {
    name: 'config',
    summary: 'the settings in effect, and where each came from',
    load: () => import('./commands/config.js'),
  },
  {
    name: 'doctor',
    summary: 'what is missing, and how to get it',
    load: () => import('./commands/doctor.js'),
  },
];
