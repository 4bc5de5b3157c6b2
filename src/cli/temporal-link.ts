import { findRunning } from '../runtime/index.js';

/** Makes links to workflows, on the web page of the Temporal that the program of this data folder has started; undefined where it has none. */
export async function workflowLinks(dataDir: string): Promise<(workflowId: string) => string | undefined> {
  const url = (await findRunning(dataDir))?.temporal_ui_url ?? undefined;
  return (workflowId) => (url === undefined ? undefined : `${url}/${encodeURIComponent(workflowId)}`);
}
