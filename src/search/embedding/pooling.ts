/**
 * The mean over a text's tokens of the model's last hidden state, scaled to length 1, so that a dot product is the cosine.
 *
 * @param hidden all texts of a run, `[text][token][dimension]`, each text padded to `paddedLength` tokens
 * @param tokens tokens of this text; those after them are padding and count for nothing
 */
export function meanPool(
  hidden: Float32Array,
  text: number,
  { tokens, paddedLength, dimensions }: { tokens: number; paddedLength: number; dimensions: number },
): Float32Array {
  const vector = new Float32Array(dimensions);
  const start = text * paddedLength * dimensions;
  for (let token = 0; token < tokens; token++) {
    const row = start + token * dimensions;
    for (let i = 0; i < dimensions; i++) vector[i] = (vector[i] ?? 0) + (hidden[row + i] ?? 0);
  }
  // The mean's divisor cancels out in the scaling.
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}
