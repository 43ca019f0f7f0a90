/** Kernel maps in memory, for everything above the datapath that runs without root. Held to map.contract.ts like the real ones. */

import { datapathErrors } from '../errors.ts';
import { type Translation, type TranslationKey, translationCodec, translationKeyCodec } from '../gen/codecs.ts';
import { MAP_SPECS } from '../gen/layout.ts';
import type { MapSpec } from '../kernel/index.ts';
import { ErrnoError, kernelError } from '../kernel/index.ts';
import { type Connection, type ConntrackMap, connectionOf, monotonicTick } from './conntrack-map.ts';
import type { MapCodecs, TypedMap } from './map.ts';
import { isZero, KernelMap } from './map.ts';
import type { MapSet, MapSizes } from './map-set.ts';
import { PackedRows } from './packed-rows.ts';
import { type PolicyMaps, policyCodecs } from './policy-maps.ts';
import { PolicyRevisions } from './policy-revisions.ts';
import { type AffinityMap, affinityCodecs, type ServiceMaps, serviceCodecs } from './service-maps.ts';

export { TestPolicy } from './policy-testkit.ts';
export { backendRow, endpointRow, ipcacheRow, serviceRow, shareRow } from './row-testkit.ts';
export { type AffinityMap, affinityMap } from './service-maps.ts';

type Stored<K, V> = { readonly bits: Uint8Array; readonly key: K; readonly value: V };

const EVICTING: readonly MapSpec['type'][] = ['lruHash'];

/** True when the first `count` bits are the same. */
function sameBits(a: Uint8Array, b: Uint8Array, count: number): boolean {
  const whole = count >> 3;
  for (let i = 0; i < whole; i += 1) if (a[i] !== b[i]) return false;
  const rest = count & 7;
  return rest === 0 || (((a[whole] ?? 0) ^ (b[whole] ?? 0)) & (0xff << (8 - rest)) & 0xff) === 0;
}

/** Length of an LPM key, from its first four bytes. */
function prefixLength(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset).getUint32(0, true);
}

export class FakeMap<K, V> implements TypedMap<K, V> {
  readonly spec: MapSpec;
  readonly #codecs: MapCodecs<K, V>;
  readonly #stored = new Map<string, Stored<K, V>>();
  readonly #isTrie: boolean;

  constructor(spec: MapSpec, codecs: MapCodecs<K, V>) {
    this.spec = spec;
    this.#codecs = codecs;
    this.#isTrie = spec.type === 'lpmTrie';
  }

  #bytes(key: K): Uint8Array {
    const bytes = new Uint8Array(this.spec.keySize);
    this.#codecs.key.write(new DataView(bytes.buffer), 0, key);
    return bytes;
  }

  /** In a trie the bits behind the prefix do not belong to the key. */
  #id(bytes: Uint8Array): string {
    if (!this.#isTrie) return Buffer.from(bytes).toString('hex');
    const length = prefixLength(bytes);
    if (length > (this.spec.keySize - 4) * 8) throw this.#error(new ErrnoError('map element', 22));
    const masked = bytes.map((byte, i) => {
      const free = 8 - Math.max(0, Math.min(8, length - (i - 4) * 8));
      return i < 4 ? byte : byte & ((0xff << free) & 0xff);
    });
    return Buffer.from(masked).toString('hex');
  }

  #error(cause: unknown): Error {
    return kernelError('E_DATAPATH_MAP', `${this.spec.name} (${this.spec.maxEntries} entries)`, cause);
  }

  #isNothing(value: V): boolean {
    const { type, valueSize } = this.spec;
    if (type !== 'array') return false;
    const view = new DataView(new ArrayBuffer(valueSize));
    this.#codecs.value.write(view, 0, value);
    return isZero(view, 0, valueSize);
  }

  /** Through the codec, so that a value is what the kernel would give back. */
  #roundTrip(value: V): V {
    const view = new DataView(new ArrayBuffer(this.spec.valueSize));
    this.#codecs.value.write(view, 0, value);
    return this.#codecs.value.decode(view);
  }

  get(key: K): V | undefined {
    const bytes = this.#bytes(key);
    if (!this.#isTrie) return this.#stored.get(this.#id(bytes))?.value;
    const length = prefixLength(bytes);
    let best: Stored<K, V> | undefined;
    for (const stored of this.#stored.values()) {
      const own = prefixLength(stored.bits);
      if (own > length || !sameBits(stored.bits.subarray(4), bytes.subarray(4), own)) continue;
      if (best === undefined || own > prefixLength(best.bits)) best = stored;
    }
    return best?.value;
  }

  set(key: K, value: V): void {
    const bits = this.#bytes(key);
    const id = this.#id(bits);
    if (!this.#stored.has(id) && this.#stored.size >= this.spec.maxEntries) {
      if (!EVICTING.includes(this.spec.type)) {
        throw datapathErrors.make('E_DATAPATH_MAP_FULL', {
          detail: `${this.spec.name} (${this.spec.maxEntries} entries)`,
        });
      }
      const [oldest] = this.#stored.keys();
      if (oldest !== undefined) this.#stored.delete(oldest);
    }
    this.#stored.set(id, {
      bits,
      key: this.#codecs.key.decode(new DataView(bits.buffer)),
      value: this.#roundTrip(value),
    });
  }

  delete(key: K): boolean {
    return this.#stored.delete(this.#id(this.#bytes(key)));
  }

  async setMany(entries: Iterable<readonly [K, V]>): Promise<void> {
    for (const [key, value] of entries) this.set(key, value);
  }

  async deleteMany(keys: Iterable<K>): Promise<number> {
    let deleted = 0;
    for (const key of keys) if (this.delete(key)) deleted += 1;
    return deleted;
  }

  async entries(wanted: (key: K, value: V) => boolean = () => true): Promise<[K, V][]> {
    return [...this.#stored.values()].flatMap(({ key, value }) =>
      !this.#isNothing(value) && wanted(key, value) ? [[key, value]] : [],
    );
  }

  async packed(): Promise<PackedRows<K, V>> {
    const rows = new PackedRows(this.#codecs);
    for (const { key, value } of this.#stored.values()) {
      const [bytes, values] = [this.#bytes(key), new Uint8Array(this.spec.valueSize)];
      this.#codecs.value.write(new DataView(values.buffer), 0, value);
      rows.append(bytes, values, 1);
    }
    return rows;
  }
}

export { endpointsCodecs } from './endpoints-map.ts';
export { ipcacheCodecs } from './ipcache-map.ts';
export { netnsEndpointsCodecs } from './netns-endpoints-map.ts';
export { sockAccountsCodecs } from './socket-accounts.ts';

/** The same in memory. */
export function fakePolicyMaps(sizes: Pick<MapSizes, 'policy' | 'policy_peers'> = {}) {
  const spec = <N extends 'policy' | 'policy_peers'>(name: N) => ({
    ...MAP_SPECS[name],
    maxEntries: sizes[name] ?? MAP_SPECS[name].maxEntries,
  });
  return {
    revisions: new PolicyRevisions(new FakeMap(MAP_SPECS.policy_revisions, policyCodecs.revisions)),
    peers: new FakeMap(spec('policy_peers'), policyCodecs.peers),
    rows: new FakeMap(spec('policy'), policyCodecs.rows),
  } satisfies PolicyMaps;
}

/** In memory; sizes default to the kernel maps'. */
export function fakeServiceMaps(sizes: { services?: number; slots?: number; backends?: number } = {}): ServiceMaps {
  const spec = (name: 'services' | 'service_slots' | 'backends', maxEntries: number = MAP_SPECS[name].maxEntries) => ({
    ...MAP_SPECS[name],
    maxEntries,
  });
  return {
    services: new FakeMap(spec('services', sizes.services), serviceCodecs.services),
    slots: new FakeMap(spec('service_slots', sizes.slots), serviceCodecs.slots),
    backends: new FakeMap(spec('backends', sizes.backends), serviceCodecs.backends),
  };
}

export function fakeAffinityMap(): AffinityMap {
  return new FakeMap(MAP_SPECS.affinity, affinityCodecs);
}

/** Connections that were translated on the packet path; written by the programs. */
export type TranslationsMap = TypedMap<TranslationKey, Translation>;

export function translationsMap(maps: MapSet): TranslationsMap {
  return new KernelMap(maps.get('translations'), maps.spec('translations'), {
    key: translationKeyCodec,
    value: translationCodec,
  });
}
/** Every connection, as `membrane ct list` tells them. */
export async function listConnections(map: ConntrackMap): Promise<Connection[]> {
  const entries = await map.entries();
  const tick = monotonicTick();
  return entries.map(([key, entry]) => connectionOf(key, entry, tick));
}
