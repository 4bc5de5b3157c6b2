import { z } from 'zod';
import { rulesOf, toolbox, type Tool, type Toolbox } from '../../api/mcp-protocol.js';
import type { Settings } from '../../config/index.js';
import { messageOf } from '../../contract/index.js';
import { requestSync } from '../sync-request.js';
import { syncStatus } from './sync-status.js';

/**
 * MCP clients give up on a call after 60 s, the default of the official SDKs. What the agent is not done with by then goes on, and the
 * answer is that it is asked for.
 */
const WAIT_SECONDS = 45;

const Sync = z.object({
  method: z
    .enum(['auto', 'cloud', 'http'])
    .default('auto')
    .describe('The one way to upload; auto is as the settings say.'),
  enable_fallback: z
    .boolean()
    .default(true)
    .describe('False: the first method only. True is as the settings say.'),
});

/** Names, arguments and the keys of the answers are Session-Buddy's, whose own tools of these names they replace. */
const TOOLS: Readonly<Record<string, Tool<Settings>>> = {
  sync_to_akosha: {
    description:
      'Upload this host’s memories now. What cannot be delivered waits in the outbox and is tried again: see akosha_sync_status.',
    input: Sync,
    run: async (input, settings) => {
      const { method, enable_fallback: fallback } = Sync.parse(input);
      const answer = await requestSync(
        settings,
        {
          trigger: 'mcp',
          // The defaults are what a client sends that has no wish, so they overrule no setting.
          forceMethod: method === 'auto' ? undefined : method,
          enableFallback: fallback ? undefined : false,
        },
        { wait: 'delivery', direct: false, timeoutSeconds: WAIT_SECONDS, progress: undefined },
      );
      return { output: { ...answer, triggered_by: 'manual' }, failed: !answer.success };
    },
  },
  akosha_sync_status: {
    description:
      'How this host’s uploads are set up and where they stand: the last one, what waits, when it is tried next, and which ways are open.',
    input: z.object({}),
    run: async (_input, settings) => ({ output: await syncStatus(settings), failed: false }),
  },
};

/** A host's tools. A failure has the keys of the original's. */
export function hostTools(settings: Settings): Toolbox {
  return toolbox(TOOLS, settings, (error, tool) => {
    const message = error instanceof z.ZodError ? rulesOf(error) : messageOf(error);
    const output =
      tool === 'sync_to_akosha'
        ? { method: settings.forceMethod, success: false, error: message, triggered_by: 'manual' }
        : { error: message };
    return { output, failed: true };
  });
}
