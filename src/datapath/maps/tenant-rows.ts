import { TENANT_ROWS } from '../../model/gen/numbers.ts';
import { type IdentityId, identityId } from '../../model/index.ts';
import type { FloorRow } from '../../tenant/index.ts';
import { MAP_SPECS } from '../gen/layout.ts';
import { type MapFd, Mapping } from '../kernel/index.ts';
import { filled } from './filled.ts';

/** Whose each identity of a pod is; that of IDENTITY_UNKNOWN is about all that have none. One store each. */
export class TenantRows {
  readonly #rows: BigUint64Array;

  constructor(rows: BigUint64Array = new BigUint64Array(TENANT_ROWS)) {
    this.#rows = rows;
  }

  /** 0: none. */
  get(identity: IdentityId): FloorRow {
    return Atomics.load(this.#rows, identity);
  }

  set(identity: IdentityId, row: FloorRow): void {
    Atomics.store(this.#rows, identity, row);
  }

  /** Those that have one. */
  entries(): [IdentityId, FloorRow][] {
    return Array.from(filled(this.#rows), (id) => [identityId(id), this.get(identityId(id))]);
  }

  /** All of them as they are now, and no copy. */
  get bytes(): Uint8Array {
    const { buffer, byteOffset, byteLength } = this.#rows;
    return new Uint8Array(buffer, byteOffset, byteLength);
  }
}

export class KernelTenantRows extends TenantRows implements Disposable {
  readonly #mapping: Mapping;

  private constructor(mapping: Mapping) {
    super(new BigUint64Array(mapping.buffer, 0, TENANT_ROWS));
    this.#mapping = mapping;
  }

  /** `map` stays the caller's and may be closed; the memory stays mapped until `close`. */
  static of(map: MapFd): KernelTenantRows {
    const length = MAP_SPECS.tenants.maxEntries * MAP_SPECS.tenants.valueSize;
    return new KernelTenantRows(Mapping.of(map.number, { length, writable: true }));
  }

  /** Idempotent. Using the rows afterwards throws a TypeError. */
  close(): void {
    this.#mapping.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
