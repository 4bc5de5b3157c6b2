import { z } from 'zod';
import { isTimeZone, type SystemId } from '../contract/index.js';
import { escapeSystemId, isSystemId } from '../memory/index.js';
import { nameList } from './shapes.js';

/**
 * Zones of systems, each entry `<system>=<zone>`. A YAML file may give a mapping instead. The first entry that is wrong is named.
 */
export function systemZones() {
  const asEntries = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.entries(value).map(([system, zone]) => `${system}=${String(zone)}`)
      : value;
  return z.preprocess(asEntries, nameList()).superRefine((entries, context) => {
    const message = faultOf(entries);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });
}

/** The zone of each system that has one, by its id. Takes what `systemZones` lets pass. */
export function zonesBySystem(entries: readonly string[]): ReadonlyMap<SystemId, string> {
  return new Map(entries.map((entry) => zoneOf(entry)));
}

/** The zone stands behind the last `=`: a system's name may hold one. */
function zoneOf(entry: string): [SystemId, string] {
  const at = entry.lastIndexOf('=');
  const system = entry.slice(0, Math.max(at, 0)).trim();
  return [isSystemId(system) || system === '' ? system : escapeSystemId(system), entry.slice(at + 1).trim()];
}

function faultOf(entries: readonly string[]): string | undefined {
  const seen = new Set<SystemId>();
  for (const entry of entries) {
    const [system, zone] = zoneOf(entry);
    const shown = JSON.stringify(entry.slice(0, 200));
    if (system === '') return `must be entries such as laptop=Europe/Berlin, not ${shown}`;
    if (!isTimeZone(zone))
      return `must name an IANA time zone such as Europe/Berlin behind the =, which ${shown} does not`;
    if (seen.has(system)) return `must not name a system twice, as ${shown} does`;
    seen.add(system);
  }
  return undefined;
}
