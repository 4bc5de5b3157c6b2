import { z } from 'zod';
import {
  AkoshaError,
  NO_OUTAGE_WORK,
  type OutageReport,
  type OutageSample,
  type OutageTotals,
} from '../contract/index.js';
import { readSegments } from './segments.js';
import { folderOf, readState, samplesFolder, stepsFolder } from './state.js';

/** At each end: with their texts 120 KB at most, a fraction of what Temporal takes as a payload (2 MB). */
const STEPS_AT_EACH_END = 150;
/** Evenly over the time. */
const MOST_SAMPLES = 60;

/** Of the samples on disk: what shows how the server did, in 200 bytes or so. */
const SHOWN = /^(akosha_ingestion_backlog_count|akosha_tier_rows\{.*|process_resident_memory_bytes)$/;

const Totals = z.partialRecord(z.enum(Object.keys(NO_OUTAGE_WORK)), z.number());
const Step = z.object({
  at: z.string(),
  ms: z.number(),
  what: z.enum(['ingest', 'walk', 'transition', 'failure', 'restart']),
  text: z.string(),
});
const Sample = z.object({ at: z.string(), values: z.record(z.string(), z.number()) });

/**
 * What Temporal is to have of an outage that is over. Raises `BadRequest` where there is no record of it, or it is not over.
 */
export async function readReport(outages: string, start: string): Promise<OutageReport> {
  const folder = folderOf(outages, start);
  const state = await readState(folder);
  if (state?.end === undefined || state.end === null)
    throw new AkoshaError('BadRequest', `there is no record of an outage that began at ${start} and is over`);
  const { steps, omitted, totals } = await readSteps(stepsFolder(folder));
  return {
    start: state.start,
    detected: state.detected,
    end: state.end,
    totals: { ...NO_OUTAGE_WORK, ...totals },
    steps,
    omitted,
    samples: await readSamples(samplesFolder(folder)),
  };
}

/** What the last line that stands tells of everything before it. */
export async function lastTotals(folder: string): Promise<Partial<OutageTotals>> {
  return (await readSteps(folder)).totals;
}

async function readSteps(
  folder: string,
): Promise<Pick<OutageReport, 'steps' | 'omitted'> & { totals: Partial<OutageTotals> }> {
  const first: OutageReport['steps'] = [];
  const last: OutageReport['steps'] = [];
  let omitted = 0;
  let totals: Partial<OutageTotals> = {};
  for await (const line of readSegments(folder)) {
    const parsed = Step.extend({ totals: Totals }).safeParse(line);
    if (!parsed.success) continue;
    const { totals: sums, ...step } = parsed.data;
    totals = sums;
    if (first.length < STEPS_AT_EACH_END) first.push(step);
    else if (last.push(step) > STEPS_AT_EACH_END) {
      last.shift();
      omitted += 1;
    }
  }
  return { steps: [...first, ...last], omitted, totals };
}

async function readSamples(folder: string): Promise<OutageSample[]> {
  const samples: OutageSample[] = [];
  for await (const line of readSegments(folder)) {
    const parsed = Sample.safeParse(line);
    if (!parsed.success) continue;
    const values = Object.entries(parsed.data.values).filter(([name]) => SHOWN.test(name));
    samples.push({ at: parsed.data.at, values: Object.fromEntries(values) });
  }
  const step = Math.max(1, Math.ceil(samples.length / MOST_SAMPLES));
  return samples.filter((_, i) => i % step === 0);
}
