import { z } from 'zod';
import { bytes, count, table } from './output.js';

const Part = z.object({
  step: z.enum(['warm', 'cold', 'compacted', 'expired']),
  system_id: z.string(),
  month: z.string(),
  rows: z.number(),
  objects: z.number(),
});

export const Forecast = z.object({
  as_of: z.string(),
  rows: z.object({ to_warm: z.number(), to_cold: z.number() }),
  objects: z.number(),
  expiring: z.object({ cutoff: z.string(), memories: z.number() }).nullable(),
  parts: z.array(Part),
  parts_left_out: z.number(),
});
export type Forecast = z.infer<typeof Forecast>;

export const Report = z.object({
  id: z.string(),
  as_of: z.string(),
  begun_at: z.string(),
  ended_at: z.string().nullable(),
  state: z.string(),
  seconds: z.number().nullable(),
  rows: z.object({
    to_warm: z.number(),
    to_cold: z.number(),
    compacted: z.number(),
    expired: z.number(),
    held: z.number(),
  }),
  objects: z.number(),
  bytes: z.number(),
  swept: z.object({ rows: z.number(), tables: z.number(), objects: z.number() }),
  parts: z.array(Part.extend({ held: z.number(), bytes: z.number() })),
  parts_left_out: z.number(),
});
export type Report = z.infer<typeof Report>;

export function describeForecast(forecast: Forecast): string {
  const { as_of: asOf, rows, objects, expiring, parts, parts_left_out } = forecast;
  return lines([
    `as of ${asOf}: ${count(rows.to_warm, 'row')} would go to warm, ${rows.to_cold} to cold in ${count(objects, 'object')}; nothing was changed`,
    ...(expiring === null || expiring.memories === 0
      ? []
      : [`${count(expiring.memories, 'memory', 'memories')} of ${expiring.cutoff} or before would expire`]),
    ...(parts.length === 0
      ? []
      : [
          table([
            ['to', 'system', 'month', 'rows', 'objects'],
            ...parts.map((part) => [
              part.step,
              part.system_id,
              part.month,
              String(part.rows),
              String(part.objects),
            ]),
          ]),
        ]),
    ...leftOut(parts_left_out),
  ]);
}

export function describeReport(report: Report): string {
  const { rows, swept, parts } = report;
  return lines([
    `${report.id}: ${report.state}, as of ${report.as_of}, begun ${report.begun_at}${report.seconds === null ? '' : `, ${report.seconds.toFixed(1)} s`}`,
    `rows: to warm ${rows.to_warm}, to cold ${rows.to_cold}, compacted ${rows.compacted}, expired ${rows.expired}, held ${rows.held}; ${count(report.objects, 'object')}, ${bytes(report.bytes)}; swept: rows ${swept.rows}, tables ${swept.tables}, objects ${swept.objects}`,
    ...(parts.length === 0
      ? []
      : [
          table([
            ['step', 'system', 'month', 'rows', 'held', 'objects', 'size'],
            ...parts.map((part) => [
              part.step,
              part.system_id,
              part.month,
              String(part.rows),
              String(part.held),
              String(part.objects),
              part.objects === 0 ? '-' : bytes(part.bytes),
            ]),
          ]),
        ]),
    ...leftOut(report.parts_left_out),
  ]);
}

function leftOut(parts: number): string[] {
  return parts === 0 ? [] : [`and ${parts} more`];
}

function lines(all: readonly string[]): string {
  return all.join('\n');
}
