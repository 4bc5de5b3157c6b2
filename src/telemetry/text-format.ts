import { z } from 'zod';

const LoggedError = z.looseObject({ type: z.string(), message: z.string(), stack: z.string().optional() });
const LogLine = z.looseObject({
  time: z.string(),
  level: z.string(),
  msg: z.string().optional(),
  err: LoggedError.optional(),
});

/** A JSON log line as a person reads it: time, level, message, `name=value` pairs; an error on lines of its own. */
export function textLine(json: string): string {
  const parsed = LogLine.safeParse(JSON.parse(json));
  if (!parsed.success) return json;
  const { time, level, msg, err, ...fields } = parsed.data;
  const pairs = Object.entries(fields).map(([name, value]) => `${name}=${fieldText(value)}`);
  const head = [time, level.toUpperCase().padEnd(5), msg ?? err?.message ?? '', ...pairs].join(' ');
  return err === undefined ? `${head}\n` : `${head}\n${errorText(err)}\n`;
}

/** Its type first, which the stack does not hold; what else the error carries (details, cause) last. */
function errorText({ type, message, stack, ...rest }: z.output<typeof LoggedError>): string {
  const more = Object.keys(rest).length === 0 ? [] : [JSON.stringify(rest)];
  return [type, stack ?? message, ...more].join('\n').replaceAll(/^/gm, '    ');
}

function fieldText(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}
