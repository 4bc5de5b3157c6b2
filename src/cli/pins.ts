import { z } from 'zod';
import { ApiClient } from './api-client.js';
import { confirm } from './confirm.js';
import { count, print } from './output.js';
import { describeMatched, Matched, selectionBody, sumMatched, type SelectionOptions } from './selection.js';
import { settingsOf, type SettingOptions } from './settings.js';

const Answer = z.object({
  dry_run: z.boolean(),
  system: z.string().nullable(),
  matched: Matched,
  pins: z.number().nullable(),
});

export interface PinOptions extends SettingOptions, SelectionOptions {
  json?: boolean;
  tier?: string;
  reason?: string;
}

/** Pins, or unpins, what is meant: counts first, so that a person is asked before much is changed. */
export async function changePins(
  what: 'pin' | 'unpin',
  memories: readonly string[],
  { tier, reason, ...options }: PinOptions,
): Promise<void> {
  const body = { ...selectionBody(memories, options), ...(what === 'pin' ? { tier, reason } : {}) };
  const api = await ApiClient.open(settingsOf(options));
  const route = what === 'pin' ? '/api/v1/pins' : '/api/v1/pins/remove';
  const preview = await api.post(route, { ...body, dry_run: true }, Answer);
  if (options.dryRun === true) return print(preview, options.json, (answer) => describe(what, answer));
  await confirm(what, sumMatched(preview.matched), options.yes);
  print(await api.post(route, body, Answer), options.json, (answer) => describe(what, answer));
}

function describe(what: string, { dry_run: dryRun, system, matched, pins }: z.infer<typeof Answer>): string {
  const subject = system === null ? 'memories' : `system ${system}, with what it gets`;
  const meant = `${subject}: ${describeMatched(matched)}`;
  return dryRun || pins === null ? `would ${what} ${meant}` : `${what}ned (${count(pins, 'pin')}) ${meant}`;
}
