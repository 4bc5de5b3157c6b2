/**
 * The order of uploads within a system is a number: our hosts' outbox sequence, or, for an original upload,
 * the time in its id in milliseconds since 1970. A host numbers strictly above everything under its prefix,
 * so the two mix.
 */
export function originalUploadOrder(uploadId: string): number | undefined {
  const match = /^(\d{4})(\d{2})(\d{2})_(\d{2})(\d{2})(\d{2})_/.exec(uploadId);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const text = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const time = Date.parse(text);
  // Date.parse takes some days that no calendar has, such as 30 February, for later ones.
  return !Number.isNaN(time) && new Date(time).toISOString() === text ? time : undefined;
}
