/**
 * Which nodes are in none of the lists that they should be in: those that died with a worker.
 *
 * @module
 */

const NONE = -1;

/**
 * The nodes of `capacity` that no list reaches: lists begin at `firsts`, node 0's link is `words[next]`. Only
 * while nobody changes them. O(capacity).
 */
export function lostNodes(
  words: Int32Array,
  next: number,
  capacity: number,
  firsts: readonly number[],
): number[] {
  const isListed = new Uint8Array(capacity);
  for (const first of firsts) {
    for (let node = first; node !== NONE; node = Atomics.load(words, next + node)) {
      isListed[node] = 1;
    }
  }
  const lost: number[] = [];
  for (let node = 0; node < capacity; node++) if (isListed[node] === 0) lost.push(node);
  return lost;
}
