import { flushCompileCache } from 'node:module';

let keepMore: () => void = () => undefined;

/** Who started this program keeps more of its code than Node.js does: that knows functions only which run while a file loads. */
export function keepCompiledCodeBy(keep: () => void): void {
  keepMore = keep;
}

/**
 * Leaves what was compiled by now to the next start of this program: to be called once, when what every start needs has run. A
 * killed program would leave nothing.
 */
export function keepCompiledCode(): void {
  flushCompileCache();
  keepMore();
}
