import type { Command } from 'commander';
import { z } from 'zod';
import { AkoshaError, isAkoshaError, messageOf, type MemoryKey } from '../../contract/index.js';
import type { Settings } from '../../config/index.js';
import { ApiClient, httpStatusOf } from '../api-client.js';
import { KEY_FORM, parseMemoryKey } from '../memory-key.js';
import { count, print, table, withJson } from '../output.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';
import { workflowLinks } from '../temporal-link.js';
import { findUpload, Upload, uploadPath } from '../uploads.js';

const Obstacle = z.object({ what: z.string(), until: z.string().nullable(), detail: z.string() });
const MemoryAnswer = z.looseObject({
  system_id: z.string(),
  kind: z.string(),
  memory_id: z.string(),
  tier: z.string(),
  version: z.looseObject({
    order: z.number(),
    upload_id: z.string(),
    upload_state: z.string(),
    ingested_at: z.string().nullable(),
    deleted: z.boolean(),
  }),
  history: z.array(z.looseObject({ at: z.string(), what: z.string() })),
  object: z.looseObject({ name: z.string() }).nullable(),
  table: z.string().nullable(),
  keeper: z.looseObject({ name: z.string() }),
  last_error: z.object({ reason: z.string().nullable(), retried_at: z.string() }).nullable(),
  why: z.string(),
  next: z.object({ to: z.string(), due_at: z.string(), waits_for: z.array(Obstacle) }).nullable(),
  workflows: z.object({ ingest: z.string(), transition: z.string() }),
});
const UploadAnswer = z.looseObject({
  upload: Upload,
  happened: z.array(z.object({ at: z.string(), what: z.string(), detail: z.string().nullable() })),
  ahead: z.number().nullable(),
  next: z.string(),
  workflows: z.object({ ingest: z.string() }),
});

interface Options extends SettingOptions {
  json?: boolean;
  system?: string;
}

export function define(command: Command): void {
  withJson(withSettings(command))
    .argument('<what>', `a memory as ${KEY_FORM}, or the id of an upload`)
    .option('--system <id>', 'whose upload it is, where several systems have used the id')
    .addHelpText(
      'after',
      `
Of a memory: its tier, where its row is read from and what keeps it, the version that counts, why it is in that tier, and when it moves next.
Of an upload: what happened to it and what happens next. Exit code 1 for what the server does not know.

Examples:
  akosha explain laptop-1/conversation/3f9a2c
  akosha explain 20261122_100001_0a1b2c3d --system laptop-1 --json`,
    )
    .action(run);
}

async function run(what: string, { json, system, ...options }: Options): Promise<void> {
  const settings = settingsOf(options);
  const key = parseMemoryKey(what);
  if (key === undefined) await explainUpload(settings, what, { json, system });
  else await explainMemory(settings, key, json);
}

type Link = (workflowId: string) => string | undefined;

async function explainMemory(settings: Settings, key: MemoryKey, json: boolean | undefined): Promise<void> {
  const api = await ApiClient.open(settings);
  const query = new URLSearchParams({ kind: key.kind, memory_id: key.memoryId });
  const path = `/api/v1/systems/${encodeURIComponent(key.systemId)}/memories/explain?${query.toString()}`;
  const answer = await known('MemoryUnknown', () => api.get(path, MemoryAnswer));
  const link = await workflowLinks(settings.dataDir);
  print(withLink(answer, link), json, (shown) => describeMemory(shown, link));
}

async function explainUpload(
  settings: Settings,
  id: string,
  { json, system }: { json: boolean | undefined; system: string | undefined },
): Promise<void> {
  const api = await ApiClient.open(settings);
  const answer = await known('UploadUnknown', async () => {
    const ref = await findUpload(api, id, system);
    return api.get(`${uploadPath(ref)}/explain`, UploadAnswer);
  });
  const link = await workflowLinks(settings.dataDir);
  print(withLink(answer, link), json, (shown) => describeUpload(shown, link));
}

/** What is not known is no wrong usage: exit code 1, by which a script can tell them apart. */
async function known<T>(type: 'MemoryUnknown' | 'UploadUnknown', ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const unknown = isAkoshaError(error) && isAkoshaError(error.cause, type);
    if (!unknown && httpStatusOf(error) !== 404) throw error;
    throw new AkoshaError(type, messageOf(error), { cause: error });
  }
}

function withLink<T extends { workflows: { ingest: string } }>(
  answer: T,
  link: Link,
): T & { links: { ingest: string | null } } {
  return { ...answer, links: { ingest: link(answer.workflows.ingest) ?? null } };
}

function describeMemory(memory: z.infer<typeof MemoryAnswer>, link: Link): string {
  const { version, next, last_error: failed, object, keeper, workflows } = memory;
  const rows = [
    ['memory', `${memory.system_id}/${memory.kind}/${memory.memory_id}`],
    ['tier', memory.tier],
    ['read from', object?.name ?? `table ${memory.table ?? '-'}`],
    ['kept by', keeper.name],
    [
      'version',
      `order ${version.order}, upload ${version.upload_id} (${version.upload_state}), ingested ${version.ingested_at ?? '-'}` +
        (version.deleted ? '; it says that the memory is deleted' : ''),
    ],
    ...memory.history.map(({ at, what }, i) => [i === 0 ? 'lately' : '', `${at} ${what}`]),
    ['why', memory.why],
    ['next', next === null ? 'nothing: cold is left by thawing alone' : `${next.to}, due ${next.due_at}`],
    ...(next?.waits_for ?? []).map(({ detail }, i) => [i === 0 ? 'waits for' : '', detail]),
    ['last error', failed === null ? 'none' : `${failed.reason ?? '-'}; tried again at ${failed.retried_at}`],
    ['workflow', `${workflows.transition} (schedule), ${link(workflows.ingest) ?? workflows.ingest}`],
  ];
  return table(rows);
}

function describeUpload(answer: z.infer<typeof UploadAnswer>, link: Link): string {
  const { upload, happened, next, workflows } = answer;
  const counts = Object.entries(upload.rows ?? {}).filter(([, rows]) => rows > 0);
  const rows = [
    ['upload', `${upload.upload_id} of ${upload.system_id}`],
    ['state', upload.state],
    ['rows', counts.map(([name, n]) => `${name} ${n}`).join(', ') || 'none'],
    ...happened.map(({ at, what, detail }, i) => [
      i === 0 ? 'happened' : '',
      `${at} ${what}${detail === null ? '' : `: ${detail}`}`,
    ]),
    ['next', next],
    ...(answer.ahead ? [['before it', count(answer.ahead, 'upload')]] : []),
    ['workflow', link(workflows.ingest) ?? workflows.ingest],
  ];
  return table(rows);
}
