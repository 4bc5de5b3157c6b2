/** Bytes and SHA-256 of a file, taken off the main thread where it is large. */
export type HashFile = (file: string) => Promise<{ bytes: number; sha256: string }>;
