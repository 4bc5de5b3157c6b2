import { setTimeout as sleep } from 'node:timers/promises';
import { isAkoshaError, messageOf } from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import { sendWebhook } from '../runtime/index.js';
import type { BootstrapLog } from './log.js';
import { sendPagerDutyEvent } from './pagerduty.js';
import type { OutageFile } from './record.js';
import { Backoff } from './shift.js';

/** Where people are told besides the log. */
export interface AlertSettings {
  webhook?: { url: string; secret: string };
  pagerDuty?: { url: string; routingKey: string };
  /** The machine's name, for whoever reads it. */
  source: string;
}

type AlertEvent = 'trigger' | 'resolve';

interface Target {
  name: 'log' | 'webhook' | 'pagerduty';
  send(event: AlertEvent, file: OutageFile, signal: AbortSignal): Promise<void>;
}

/**
 * Tells people of an outage: once that it began, once that it is over, each target by itself and in that order. What a target has taken
 * stands in the outage's record, so that a process that comes after this one does not tell it again; where the process dies
 * between the answer and the note the notice goes out again, with the same id, by which the receiver knows it.
 */
export class Alerts {
  readonly #targets: readonly Target[];
  readonly #log: BootstrapLog;
  readonly #chains = new WeakMap<OutageFile, Map<Target, Promise<void>>>();
  /** Notices that a target will not have, by `noteOf`. */
  readonly #refused = new WeakMap<OutageFile, Set<string>>();

  constructor(settings: AlertSettings, log: BootstrapLog) {
    this.#targets = [logTarget(log), ...targetsOf(settings)];
    this.#log = log;
  }

  /** Whether nobody is to be told anything more. */
  isSettled(told: readonly string[]): boolean {
    return this.#targets.every(({ name }) => told.includes(noteOf(name, 'resolve')));
  }

  /**
   * Until every target has taken or refused it, or the signal is raised. A target that is away keeps no other waiting: each is told in
   * its own time, of the begin before the end. Raises nothing.
   */
  async tell(event: AlertEvent, file: OutageFile, signal: AbortSignal): Promise<void> {
    const chains = this.#chains.get(file) ?? new Map<Target, Promise<void>>();
    this.#chains.set(file, chains);
    await Promise.all(
      this.#targets.map((target) => {
        const earlier = chains.get(target) ?? Promise.resolve();
        const told = earlier.then(() => this.#tellInOrder(target, event, file, signal));
        chains.set(target, told);
        return told;
      }),
    );
  }

  /** Nobody is told of the end who does not know of the begin: PagerDuty would drop it, and people would wonder. */
  async #tellInOrder(
    target: Target,
    event: AlertEvent,
    file: OutageFile,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#tellOne(target, 'trigger', file, signal);
    if (event === 'resolve' && file.state.told.includes(noteOf(target.name, 'trigger'))) {
      await this.#tellOne(target, 'resolve', file, signal);
    }
  }

  async #tellOne(target: Target, event: AlertEvent, file: OutageFile, signal: AbortSignal): Promise<void> {
    const note = noteOf(target.name, event);
    const refused = this.#refused.get(file) ?? new Set<string>();
    this.#refused.set(file, refused);
    if (refused.has(note)) return;
    const backoff = new Backoff();
    while (!signal.aborted && !file.state.told.includes(note)) {
      try {
        await target.send(event, file, signal);
        failPoint('outage.after-alert');
        // Taken it is, also where the disk refuses the note.
        await file.note({ told: [...file.state.told, note] });
      } catch (error) {
        if (isAkoshaError(error, 'Cancelled')) return;
        const details = { target: target.name, event, reason: messageOf(error) };
        if (isAkoshaError(error, 'WebhookRefused')) {
          refused.add(note);
          this.#log.error(details, 'the alert was refused; it is not sent again before the next start');
          return;
        }
        this.#log.warn(details, 'the alert was not taken; trying again');
        const now = performance.now();
        backoff.failed(now);
        await sleep(backoff.left(now), undefined, { signal }).catch(() => undefined);
      }
    }
  }
}

function noteOf(target: Target['name'], event: AlertEvent): string {
  return `${target}/${event}`;
}

function logTarget(log: BootstrapLog): Target {
  return {
    name: 'log',
    send: (event, file) => {
      const facts = { alert: event, ...factsOf(file) };
      if (event === 'trigger') {
        log.error(
          facts,
          'ALERT: Temporal does not answer; the server is in bootstrap mode and does its work itself',
        );
      } else {
        log.info(facts, 'RESOLVED: Temporal answers again; its workflows take over');
      }
      return Promise.resolve();
    },
  };
}

function targetsOf({ webhook, pagerDuty, source }: AlertSettings): Target[] {
  const targets: Target[] = [];
  if (webhook !== undefined) {
    targets.push({
      name: 'webhook',
      send: (event, file, signal) =>
        sendWebhook({
          ...webhook,
          event: event === 'trigger' ? 'outage.began' : 'outage.ended',
          deliveryId: `${dedupKeyOf(source, file)}/${event}`,
          body: JSON.stringify({ event, source, dedup_key: dedupKeyOf(source, file), ...factsOf(file) }),
          signal,
        }),
    });
  }
  if (pagerDuty !== undefined) {
    targets.push({
      name: 'pagerduty',
      send: (action, file, signal) =>
        sendPagerDutyEvent({
          ...pagerDuty,
          action,
          dedupKey: dedupKeyOf(source, file),
          summary: `akosha on ${source}: Temporal has not answered since ${file.state.start}; the server does its work itself`,
          source,
          timestamp: file.state.detected,
          details: factsOf(file),
          signal,
        }),
    });
  }
  return targets;
}

/** One for each outage of each server, and none of PagerDuty's 255 characters too many. */
function dedupKeyOf(source: string, { state }: OutageFile): string {
  return `akosha-outage/${source}/${state.start}`;
}

function factsOf({ state: { start, detected, end }, work }: OutageFile): Record<string, unknown> {
  return { start, detected, end, done: work.totals };
}
