import type { Clock } from '../base/index.ts';
import { crowdOf, givesWay } from './crowd.ts';
import { uiErrors } from './errors.ts';

const MOST = 32;
/** Whoever takes nothing of what he is told for so long looks no more. */
const PATIENCE_MS = 60_000;

/** One page that is told what happens. */
export type View = {
  readonly who: string;
  /** Aborted when it has to go, with why. */
  readonly dismissed: AbortSignal;
  /** What it is told waits for it, or does not any more. */
  readonly wait: (isWaiting: boolean) => void;
  readonly isStalled: () => boolean;
  /** However often. */
  readonly leave: () => void;
};

/**
 * The pages that are told what happens, so many at a time. When all places are taken, one that takes nothing of it gives way; else, to
 * somebody who has fewer, one of whoever has most: nobody keeps all others from looking.
 */
export class Views {
  readonly #clock: Clock;
  readonly #all = new Set<View & { readonly dismiss: (why: Error) => void }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `mostEach`: of one person. E_UI_FULL. */
  enter(who: string, mostEach = MOST): View {
    const own = [...this.#all].filter((one) => one.who === who);
    const full = (count: number, most: number): Error => uiErrors.make('E_UI_FULL', { detail: `${count} of ${most}` });
    if (own.length >= mostEach && !this.#makeRoom(own, undefined)) throw full(own.length, mostEach);
    if (this.#all.size >= MOST && !this.#makeRoom(this.#all, crowdOf(who))) throw full(this.#all.size, MOST);
    const ending = new AbortController();
    let since: number | undefined;
    const view = {
      who,
      dismissed: ending.signal,
      dismiss: (why: Error) => ending.abort(why),
      wait: (isWaiting: boolean) => {
        since = isWaiting ? this.#clock.elapsed() : undefined;
      },
      isStalled: () => since !== undefined && this.#clock.elapsed() - since >= PATIENCE_MS,
      leave: () => void this.#all.delete(view),
    };
    this.#all.add(view);
    return view;
  }

  #makeRoom(among: Iterable<View>, crowd: string | undefined): boolean {
    const stalled = [...among].find((one) => one.isStalled());
    const going = stalled ?? (crowd === undefined ? undefined : givesWay(this.#all, crowd));
    const known = [...this.#all].find((one) => one === going);
    if (known === undefined) return false;
    known.leave();
    known.dismiss(uiErrors.make('E_UI_FULL', { detail: stalled === undefined ? 'others look, too' : 'nobody reads' }));
    return true;
  }
}
