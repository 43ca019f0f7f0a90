import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorMessage, isMembraneError } from '../../base/index.ts';
import { MapRoom } from '../../datapath/index.ts';
import { FreshNumbers } from './fresh-numbers.ts';
import { Refusals } from './refusals.ts';
import { GRACE_MS, VersionedSets } from './versioned-sets.ts';

const NAMES = ['a', 'b', 'c'] as const;
type Name = (typeof NAMES)[number];
/** What a set has: equal members make one whole, so that a mixture of two is seen. */
type Content = { readonly label: string; readonly size: number };
type NumberedSet = { readonly number: number; readonly content: Content };

const SIZE = 12;
const KEPT = 1 / 4;
const SMALL = 2;

/** What outlives a life: rows by `number/index`, what each name is switched to, and the numbers that were given out. */
class Datapath {
  readonly rows = new Map<string, string>();
  readonly names = new Map<Name, NumberedSet>();
  next = 1;
  most = 0;
  /** Writes until the life ends, at any of them. */
  left = Number.POSITIVE_INFINITY;
  look: () => void = () => undefined;

  step(change: () => void): void {
    if (this.left <= 0) throw new Error('killed');
    this.left -= 1;
    change();
    this.most = Math.max(this.most, this.rows.size);
    this.look();
  }

  /** What a packet finds: the labels of all rows of the set that is named. */
  resolve(name: Name): string | undefined {
    const named = this.names.get(name);
    if (named === undefined) return undefined;
    const rows = Array.from(
      { length: named.content.size },
      (_, i) => this.rows.get(`${named.number}/${i}`) ?? 'nothing',
    );
    return rows.join();
  }
}

const whole = ({ label, size }: Content): string => Array.from({ length: size }, () => label).join();

/** The shortest user: one set for each name. */
class Life {
  readonly #datapath: Datapath;
  readonly #room = new MapRoom({ sizes: { rows: SIZE }, kept: KEPT });
  readonly #sets = new VersionedSets<NumberedSet>({ remove: (sets) => sets.forEach((set) => this.#remove(set)) });
  readonly #refusals = new Refusals<Name>(() => this.#room.freed);
  readonly #numbers: FreshNumbers;
  readonly #wanted = new Map<Name, Content>();

  constructor(datapath: Datapath, now: number) {
    this.#datapath = datapath;
    this.#numbers = new FreshNumbers({
      first: 1,
      last: 1_000_000,
      next: datapath.next,
      reserve: (below) => {
        datapath.next = below;
      },
      inUse: () => new Set(Array.from(datapath.rows.keys(), (key) => Number.parseInt(key, 10))),
    });
    this.#room.hold({ rows: datapath.rows.size });
    const sizes = new Map<number, number>();
    for (const key of datapath.rows.keys()) {
      const [number = 0, index = 0] = key.split('/').map(Number);
      sizes.set(number, Math.max(sizes.get(number) ?? 0, index + 1));
    }
    const named = new Set(datapath.names.values().map(({ number }) => number));
    for (const [number, size] of sizes) {
      // What a crash left half written, or half deleted, is named by nobody.
      if (!named.has(number)) this.#sets.adopt({ number, content: { label: '', size } }, now);
    }
  }

  get refused(): ReadonlySet<Name> {
    return new Set(this.#refusals.problems.keys());
  }

  get used(): number {
    return this.#room.used('rows');
  }

  async want(name: Name, content: Content | undefined, now: number): Promise<void> {
    if (content === undefined) {
      this.#wanted.delete(name);
      this.#refusals.accept(name);
      this.#switch(name, undefined, now);
      return;
    }
    this.#wanted.set(name, content);
    await this.#put(name, content, now);
  }

  async pass(now: number): Promise<void> {
    await this.#sets.sweep(now, (set) => this.#datapath.names.values().some((named) => named === set));
    for (const name of this.#refusals.retry()) {
      const content = this.#wanted.get(name);
      if (content !== undefined) await this.#put(name, content, now);
    }
  }

  async #put(name: Name, content: Content, now: number): Promise<void> {
    const rows = { rows: content.size };
    const set = { number: this.#numbers.fresh(), content };
    try {
      this.#room.take(rows, () => content.size <= SMALL);
    } catch (error) {
      if (!isMembraneError(error, 'E_DATAPATH_MAP_FULL')) throw error;
      this.#refusals.refuse(name, error);
      return;
    }
    await this.#sets.write([set], () => {
      for (let i = 0; i < content.size; i += 1) {
        this.#datapath.step(() => this.#datapath.rows.set(`${set.number}/${i}`, content.label));
      }
    });
    this.#refusals.accept(name);
    this.#switch(name, set, now);
  }

  #switch(name: Name, set: NumberedSet | undefined, now: number): void {
    const before = this.#datapath.names.get(name);
    this.#datapath.step(() => {
      if (set === undefined) this.#datapath.names.delete(name);
      else this.#datapath.names.set(name, set);
    });
    if (before !== undefined) this.#sets.retire(before, now);
  }

  #remove({ number, content }: NumberedSet): void {
    let gone = 0;
    for (let i = 0; i < content.size; i += 1) {
      this.#datapath.step(() => {
        if (this.#datapath.rows.delete(`${number}/${i}`)) gone += 1;
      });
    }
    this.#room.give({ rows: gone });
  }
}

const content = fc.record({ label: fc.constantFrom('x', 'y', 'z'), size: fc.integer({ min: 1, max: 9 }) });
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ name: fc.constantFrom(...NAMES), content: fc.option(content, { nil: undefined }) }),
  },
  { weight: 2, arbitrary: fc.record({ waits: fc.constantFrom(0, 100, GRACE_MS) }) },
  { weight: 1, arbitrary: fc.record({ killedAfter: fc.nat(6) }) },
);

describe('versioned sets', () => {
  it('are whole or not there, whatever happens, at whatever write a life ends', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const datapath = new Datapath();
        /** All that each name was ever meant to be. */
        const meant = new Map<Name, Set<string | undefined>>(NAMES.map((name) => [name, new Set([undefined])]));
        datapath.look = () => {
          for (const name of NAMES) {
            const found = datapath.resolve(name);
            if (meant.get(name)?.has(found) !== true) throw new Error(`${name} is ${found}`);
          }
        };
        let time = 0;
        let life = new Life(datapath, time);
        const wanted = new Map<Name, Content>();
        const again = async (): Promise<void> => {
          datapath.left = Number.POSITIVE_INFINITY;
          life = new Life(datapath, time);
          for (const name of NAMES) await life.want(name, wanted.get(name), time);
        };
        for (const one of steps) {
          time += 1;
          try {
            if ('killedAfter' in one) datapath.left = one.killedAfter;
            else if ('waits' in one) {
              time += one.waits;
              await life.pass(time);
            } else {
              if (one.content === undefined) wanted.delete(one.name);
              else wanted.set(one.name, one.content);
              meant.get(one.name)?.add(one.content === undefined ? undefined : whole(one.content));
              await life.want(one.name, one.content, time);
            }
          } catch (error) {
            if (errorMessage(error) !== 'killed') throw error;
            await again();
          }
        }
        datapath.left = Number.POSITIVE_INFINITY;
        // Until nothing changes any more: what waits goes, and what had no room has its try.
        for (let i = 0; i < 6; i += 1) await life.pass((time += GRACE_MS));
        expect(datapath.most).toBeLessThanOrEqual(SIZE);
        for (const name of NAMES) {
          const want = wanted.get(name);
          if (!life.refused.has(name)) expect(datapath.resolve(name)).toBe(want && whole(want));
        }
        const named = datapath.names.values().reduce((sum, set) => sum + set.content.size, 0);
        expect(datapath.rows.size, 'nothing is there that nobody names').toBe(named);
        expect(life.used).toBe(named);
        for (const name of life.refused) {
          const size = wanted.get(name)?.size ?? 0;
          expect(named + size, `${name} has no room`).toBeGreaterThan(size <= SMALL ? SIZE : SIZE - SIZE * KEPT);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('stay for those who read their number just now, and while somebody names them', async () => {
    const gone: string[] = [];
    const sets = new VersionedSets<string>({ remove: (all) => void gone.push(...all) });
    sets.retire('named', 0);
    sets.retire('kept', 0);
    sets.retire('old', 0);
    expect(await sets.sweep(GRACE_MS - 1)).toEqual([]);
    sets.keep('kept');
    expect(await sets.sweep(GRACE_MS, (set) => set === 'named')).toEqual(['old']);
    expect(await sets.sweep(GRACE_MS + 1)).toEqual([]);
    expect(await sets.sweep(2 * GRACE_MS)).toEqual(['named']);
    expect([gone, sets.retired.size]).toEqual([['old', 'named'], 0]);
  });

  it('that cannot be deleted are deleted later', async () => {
    let fails = true;
    const sets = new VersionedSets<string>({
      remove: () => {
        if (fails) throw new Error('not now');
      },
    });
    sets.retire('old', 0);
    await expect(sets.sweep(GRACE_MS)).rejects.toThrow('not now');
    expect(sets.retired.size).toBe(1);
    fails = false;
    expect(await sets.sweep(GRACE_MS)).toEqual(['old']);
  });

  it('leave nothing of what could not be written', async () => {
    const gone: string[] = [];
    const sets = new VersionedSets<string>({ remove: (all) => void gone.push(...all) });
    const put = (): never => {
      throw new Error('the kernel says no');
    };
    await expect(sets.write(['half'], put)).rejects.toThrow('the kernel says no');
    expect(gone).toEqual(['half']);
  });

  it('let others have their turn while many are deleted', async () => {
    let [deleted, turns] = [0, 0];
    const sets = new VersionedSets<number>({ remove: (all) => void (deleted += all.length) });
    for (let n = 0; n < 1_000; n += 1) sets.retire(n, 0);
    const sweeping = sets.sweep(GRACE_MS);
    const turn = (): void => {
      if (deleted === 1_000) return;
      turns += 1;
      setImmediate(turn);
    };
    turn();
    await sweeping;
    expect(turns).toBeGreaterThan(3);
  });
});
