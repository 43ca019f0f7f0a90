/**
 * Where such an array is not zero. Looked at by halves: as 64 bits each element would be a BigInt, which for the 65,536 of an array
 * of which a handful are somebody's is all that it costs.
 */
export function filled({ buffer, byteOffset, length }: BigUint64Array): number[] {
  const halves = new Uint32Array(buffer, byteOffset, length * 2);
  const found: number[] = [];
  for (let at = 0; at < length; at += 1) {
    if (((halves[2 * at] ?? 0) | (halves[2 * at + 1] ?? 0)) !== 0) found.push(at);
  }
  return found;
}
