import { availableParallelism, loadavg } from 'node:os';

/** However busy the machine is, somebody waits for the end. */
const MOST = 10;

/** A wait for which an idle machine needs at most so many ms, stretched by how many want each of its processors. */
export function patience(ms: number, load: number = (loadavg()[0] ?? 0) / availableParallelism()): number {
  return ms * Math.min(MOST, Math.max(1, load));
}
