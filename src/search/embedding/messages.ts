/** What goes to the embedding thread. One request is under way at a time. */
export type ThreadRequest = { kind: 'embed'; texts: string[] } | { kind: 'close' };

/** What comes back: `loaded` or `unloadable` once, then one answer to each request. */
export type ThreadReply =
  | { kind: 'loaded'; milliseconds: number }
  | { kind: 'unloadable'; fault: string }
  | { kind: 'vectors'; vectors: Float32Array[] }
  | { kind: 'failed'; fault: string };
