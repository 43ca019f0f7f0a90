/** bpf(2), one function a command. Layouts: union bpf_attr in the kernel's include/uapi/linux/bpf.h. Throws ErrnoError. */
import { ErrnoError, hasErrno } from './errno.ts';
import { type LinkFd, type MapFd, OwnedFd, type ProgFd } from './fd.ts';
import { addressOf, bpf, bpfAsync, withoutSignals } from './libbpf.ts';
import { MAP_TYPES, type MapSpec } from './map-spec.ts';

/** One attr for all calls: they are synchronous. An ArrayBuffer of its own never moves. */
const attr = new DataView(new ArrayBuffer(128));
const attrBytes = new Uint8Array(attr.buffer);

function clear(): DataView {
  attrBytes.fill(0);
  return attr;
}

function pointer(offset: number, buffer: ArrayBufferView): void {
  attr.setBigUint64(offset, addressOf(buffer), true);
}

function cString(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(`${text}\0`));
}

export function mapCreate(spec: MapSpec): MapFd {
  const a = clear();
  a.setUint32(0, MAP_TYPES[spec.type], true);
  a.setUint32(4, spec.keySize, true);
  a.setUint32(8, spec.valueSize, true);
  a.setUint32(12, spec.maxEntries, true);
  a.setUint32(16, spec.flags, true);
  attrBytes.set(Buffer.from(spec.name.slice(0, 15)), 28);
  return new OwnedFd('map', bpf(0, attrBytes.subarray(0, 72), `create map ${spec.name}`));
}

function element(command: number, fd: number, key: Uint8Array, value: Uint8Array | undefined, flags: number): void {
  const a = clear();
  a.setUint32(0, fd, true);
  pointer(8, key);
  if (value !== undefined) pointer(16, value);
  a.setBigUint64(24, BigInt(flags), true);
  bpf(command, attrBytes.subarray(0, 32), 'map element');
}

/** Fills `value` (per-CPU maps: round8(valueSize) x possible CPUs). False when there is no such key. */
export function mapLookup(map: MapFd, key: Uint8Array, value: Uint8Array): boolean {
  return found(() => element(1, map.number, key, value, 0));
}

export function mapUpdate(map: MapFd, key: Uint8Array, value: Uint8Array): void {
  element(2, map.number, key, value, 0);
}

const BPF_NOEXIST = 1;

/** False when the key is there already, or there is no room. */
export function mapInsert(map: MapFd, key: Uint8Array, value: Uint8Array): boolean {
  try {
    element(2, map.number, key, value, BPF_NOEXIST);
    return true;
  } catch (error) {
    if (hasErrno(error, 'EEXIST', 'E2BIG', 'ENOSPC')) return false;
    throw error;
  }
}

/** False when there was no such key. */
export function mapDelete(map: MapFd, key: Uint8Array): boolean {
  return found(() => element(3, map.number, key, undefined, 0));
}

function found(call: () => void): boolean {
  try {
    call();
    return true;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

export type Batch = { readonly keys: Uint8Array; readonly values: Uint8Array | undefined; readonly count: number };

/** Elements done, and the error that stopped it. `ENOENT` of a look-up is the end of the map. */
export type BatchResult = { readonly count: number; readonly error: ErrnoError | undefined };

function batch(
  command: number,
  fd: number,
  b: Batch,
  cursor?: { in: Uint8Array | undefined; out: Uint8Array },
): BatchResult {
  const a = clear();
  if (cursor !== undefined) {
    if (cursor.in !== undefined) pointer(0, cursor.in);
    pointer(8, cursor.out);
  }
  pointer(16, b.keys);
  if (b.values !== undefined) pointer(24, b.values);
  a.setUint32(32, b.count, true);
  a.setUint32(36, fd, true);
  let error: ErrnoError | undefined;
  try {
    bpf(command, attrBytes.subarray(0, 56), 'map batch');
  } catch (caught) {
    if (!(caught instanceof ErrnoError)) throw caught;
    error = caught;
    // The kernel does not write the count when it refuses before the first element.
    if (hasErrno(caught, 'EFAULT', 'EINVAL', 'EPERM', 'ENOTSUPP', 'EBADF')) return { count: 0, error };
  }
  return { count: a.getUint32(32, true), error };
}

/** `in` is undefined for the first call, afterwards the `out` of the call before; both as long as a key, at least 4 bytes. */
export function mapLookupBatch(
  map: MapFd,
  into: Batch & { readonly values: Uint8Array },
  cursor: { in: Uint8Array | undefined; out: Uint8Array },
): BatchResult {
  return batch(24, map.number, into, cursor);
}

export function mapUpdateBatch(map: MapFd, entries: Batch & { readonly values: Uint8Array }): BatchResult {
  return batch(26, map.number, entries);
}

/** Stops at the first key that is not there. */
export function mapDeleteBatch(map: MapFd, keys: Batch): BatchResult {
  return batch(27, map.number, keys);
}

export function objectPin(fd: OwnedFd, path: string): void {
  const a = clear();
  const text = cString(path);
  pointer(0, text);
  a.setUint32(8, fd.number, true);
  bpf(6, attrBytes.subarray(0, 24), `pin ${path}`);
}

/** Undefined when nothing is pinned there. */
export function objectGet<K extends 'map' | 'prog' | 'link'>(kind: K, path: string): OwnedFd<K> | undefined {
  clear();
  const text = cString(path);
  pointer(0, text);
  try {
    return new OwnedFd(kind, bpf(7, attrBytes.subarray(0, 24), `open ${path}`));
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function objectInfo(fd: OwnedFd, info: Uint8Array): DataView {
  const a = clear();
  a.setUint32(0, fd.number, true);
  a.setUint32(4, info.length, true);
  pointer(8, info);
  bpf(15, attrBytes.subarray(0, 16), 'object info');
  return new DataView(info.buffer);
}

export type MapInfo = Omit<MapSpec, 'type'> & { readonly id: number; readonly typeNumber: number };

export function mapInfo(fd: MapFd): MapInfo {
  const info = new Uint8Array(new ArrayBuffer(96));
  const v = objectInfo(fd, info);
  return {
    typeNumber: v.getUint32(0, true),
    id: v.getUint32(4, true),
    keySize: v.getUint32(8, true),
    valueSize: v.getUint32(12, true),
    maxEntries: v.getUint32(16, true),
    flags: v.getUint32(20, true),
    name: Buffer.from(info.subarray(24, 40)).toString().replace(/\0.*$/s, ''),
  };
}

export type ProgInfo = {
  readonly id: number;
  readonly name: string;
  /** Hash of the instructions as they were loaded, whatever the constants (16 hexadecimal digits). */
  readonly tag: string;
  /** Instructions after the verifier removed dead code, 8 bytes each. */
  readonly xlatedInstructions: number;
  /** Machine code, bytes; 0 when the JIT is off. */
  readonly jitedBytes: number;
  /** Instructions that the verifier walked through. */
  readonly verifiedInstructions: number;
  /** How often it ran while runs were counted, and the ns that they took. */
  readonly runs: number;
  readonly runNs: number;
  readonly mapIds: readonly number[];
};

const MAX_MAPS = 64;

const STATS_RUN_TIME = 0;

/**
 * Has the kernel count every program's runs, at some ns a run, until the descriptor is closed.
 * @internal For measurements; all of bpf(2) is in this file.
 */
export function enableRunStats(): OwnedFd {
  clear().setUint32(0, STATS_RUN_TIME, true);
  return new OwnedFd('stats', bpf(32, attrBytes.subarray(0, 4), 'count runs of programs'));
}

export function progInfo(fd: ProgFd): ProgInfo {
  const info = new Uint8Array(new ArrayBuffer(232));
  const ids = new Uint32Array(new ArrayBuffer(MAX_MAPS * 4));
  const v = new DataView(info.buffer);
  v.setUint32(52, MAX_MAPS, true);
  v.setBigUint64(56, addressOf(ids), true);
  objectInfo(fd, info);
  return {
    id: v.getUint32(4, true),
    name: Buffer.from(info.subarray(64, 80)).toString().replace(/\0.*$/s, ''),
    tag: Buffer.from(info.subarray(8, 16)).toString('hex'),
    xlatedInstructions: v.getUint32(20, true) / 8,
    jitedBytes: v.getUint32(16, true),
    verifiedInstructions: v.getUint32(216, true),
    runs: Number(v.getBigUint64(200, true)),
    runNs: Number(v.getBigUint64(192, true)),
    mapIds: [...ids.subarray(0, v.getUint32(52, true))],
  };
}

export type LinkInfo = {
  /** Of enum bpf_link_type. */
  readonly type: number;
  readonly id: number;
  readonly programId: number;
  /** Of a tcx or XDP link; 0 when its device is gone. */
  readonly ifindex: number;
  readonly attachType: number;
};

/** A question of their own, made once: they are asked by the hundred. ArrayBuffers of their own never move. */
const linkAttr = new DataView(new ArrayBuffer(16));
const linkAttrBytes = new Uint8Array(linkAttr.buffer);
const linkBytes = new Uint8Array(new ArrayBuffer(64));
const link = new DataView(linkBytes.buffer);

export function linkInfo(fd: LinkFd): LinkInfo {
  if (linkAttr.getBigUint64(8, true) === 0n) linkAttr.setBigUint64(8, addressOf(linkBytes), true);
  linkAttr.setUint32(0, fd.number, true);
  linkAttr.setUint32(4, linkBytes.length, true);
  linkBytes.fill(0);
  bpf(15, linkAttrBytes, 'link info');
  return {
    type: link.getUint32(0, true),
    id: link.getUint32(4, true),
    programId: link.getUint32(8, true),
    ifindex: link.getUint32(16, true),
    attachType: link.getUint32(20, true),
  };
}

/** Of a link to a cgroup. `cgroup`: inode of its directory; 0 when it is gone. */
export type CgroupLinkInfo = Pick<LinkInfo, 'programId' | 'attachType'> & { readonly cgroup: bigint };

export function cgroupLinkInfo(fd: LinkFd): CgroupLinkInfo {
  const v = objectInfo(fd, new Uint8Array(new ArrayBuffer(64)));
  return { programId: v.getUint32(8, true), cgroup: v.getBigUint64(16, true), attachType: v.getUint32(24, true) };
}

/** `cgroup`: descriptor of its directory. Takes no RCU wait, so it is synchronous (0.06 ms). */
export function cgroupLinkCreate(program: ProgFd, cgroup: number, attachType: number): LinkFd {
  const a = clear();
  a.setUint32(0, program.number, true);
  a.setUint32(4, cgroup, true);
  a.setUint32(8, attachType, true);
  return new OwnedFd('link', bpf(28, attrBytes.subarray(0, 64), 'attach to a cgroup'));
}

/** tcx attach types of enum bpf_attach_type. */
export const TCX_INGRESS = 46;
export const TCX_EGRESS = 47;

const BPF_F_REPLACE = 4;
const BPF_F_BEFORE = 8;

/** Attaches in front of whatever is attached already. Asynchronous: the kernel waits for an RCU grace period. */
export async function tcxLinkCreate(program: ProgFd, ifindex: number, attachType: number): Promise<LinkFd> {
  const a = new DataView(new ArrayBuffer(64));
  a.setUint32(0, program.number, true);
  a.setUint32(4, ifindex, true);
  a.setUint32(8, attachType, true);
  a.setUint32(12, BPF_F_BEFORE, true);
  return new OwnedFd('link', await bpfAsync(28, new Uint8Array(a.buffer), `attach to ifindex ${ifindex}`));
}

const BPF_XDP = 37;
const XDP_FLAGS_DRV_MODE = 4;

/** Of the driver only: the kernel's generic substitute is slower than no XDP at all. */
export async function xdpLinkCreate(program: ProgFd, ifindex: number): Promise<LinkFd> {
  const a = new DataView(new ArrayBuffer(64));
  a.setUint32(0, program.number, true);
  a.setUint32(4, ifindex, true);
  a.setUint32(8, BPF_XDP, true);
  a.setUint32(12, XDP_FLAGS_DRV_MODE, true);
  return new OwnedFd('link', await bpfAsync(28, new Uint8Array(a.buffer), `attach XDP to ifindex ${ifindex}`));
}

/** Atomic: every packet sees the old or the new program. `expected` guards against another writer. */
export function linkUpdate(link: LinkFd, program: ProgFd, expected?: ProgFd): void {
  const a = clear();
  a.setUint32(0, link.number, true);
  a.setUint32(4, program.number, true);
  if (expected !== undefined) {
    a.setUint32(8, BPF_F_REPLACE, true);
    a.setUint32(12, expected.number, true);
  }
  bpf(29, attrBytes.subarray(0, 64), 'replace the program of a link');
}

export async function linkDetach(link: LinkFd): Promise<void> {
  const a = new Uint8Array(new ArrayBuffer(4));
  new DataView(a.buffer).setUint32(0, link.number, true);
  await bpfAsync(34, a, 'detach a link');
}

/** Program ids on a hook, in the order in which they run. */
export function tcxQuery(ifindex: number, attachType: number): number[] {
  return progQuery(ifindex, attachType, { flags: 0, operation: `query ifindex ${ifindex}` });
}

/** Program ids that are attached at this very cgroup. */
export function cgroupAttached(cgroup: number, attachType: number): number[] {
  return progQuery(cgroup, attachType, { flags: 0, operation: 'query a cgroup' });
}

const BPF_F_QUERY_EFFECTIVE = 1;

/** Program ids that run for processes of a cgroup, those of the cgroups above it among them, in their order. */
export function cgroupQuery(cgroup: number, attachType: number): number[] {
  return progQuery(cgroup, attachType, { flags: BPF_F_QUERY_EFFECTIVE, operation: 'query a cgroup' });
}

function progQuery(target: number, attachType: number, how: { flags: number; operation: string }): number[] {
  const a = clear();
  const ids = new Uint32Array(new ArrayBuffer(64 * 4));
  a.setUint32(0, target, true);
  a.setUint32(4, attachType, true);
  a.setUint32(8, how.flags, true);
  pointer(16, ids);
  a.setUint32(24, ids.length, true);
  bpf(16, attrBytes.subarray(0, 64), how.operation);
  return [...ids.subarray(0, a.getUint32(24, true))];
}

export type TestRun = {
  readonly data?: Uint8Array;
  readonly context?: Uint8Array;
  /** Default 1. */
  readonly repeat?: number;
};

export type TestRunResult = {
  readonly retval: number;
  readonly data: Uint8Array;
  readonly context: Uint8Array;
  /** Mean of one run, ns. */
  readonly duration: number;
};

/** Room in front of and behind the packet, for programs that add headers. */
const HEADROOM = 512;

export function progTestRun(program: ProgFd, run: TestRun): TestRunResult {
  const a = clear();
  const out = new Uint8Array(new ArrayBuffer((run.data?.length ?? 0) + HEADROOM));
  const contextOut = new Uint8Array(new ArrayBuffer(Math.max(run.context?.length ?? 0, 8)));
  a.setUint32(0, program.number, true);
  if (run.data !== undefined) {
    a.setUint32(8, run.data.length, true);
    a.setUint32(12, out.length, true);
    pointer(16, run.data);
    pointer(24, out);
    a.setUint32(32, run.repeat ?? 1, true);
  }
  if (run.context !== undefined) {
    a.setUint32(40, run.context.length, true);
    pointer(48, run.context);
    if (run.data !== undefined) {
      a.setUint32(44, contextOut.length, true);
      pointer(56, contextOut);
    }
  }
  bpf(10, attrBytes.subarray(0, 80), 'test run');
  return {
    retval: a.getUint32(4, true),
    data: out.subarray(0, a.getUint32(12, true)),
    context: contextOut.subarray(0, a.getUint32(44, true)),
    duration: a.getUint32(36, true),
  };
}

/** Loads raw instructions; only for probing what the kernel knows. */
export function progLoad(type: number, instructions: Uint8Array): ProgFd {
  const a = clear();
  const license = cString('GPL');
  a.setUint32(0, type, true);
  a.setUint32(4, instructions.length / 8, true);
  pointer(8, instructions);
  pointer(16, license);
  return new OwnedFd(
    'prog',
    withoutSignals(() => bpf(5, attrBytes.subarray(0, 72), 'load a program')),
  );
}

/** Another descriptor of the same object, by kernel id. */
export function mapById(id: number): MapFd {
  const a = clear();
  a.setUint32(0, id, true);
  return new OwnedFd('map', bpf(14, attrBytes.subarray(0, 12), `open map ${id}`));
}

export function progById(id: number): ProgFd {
  const a = clear();
  a.setUint32(0, id, true);
  return new OwnedFd('prog', bpf(13, attrBytes.subarray(0, 12), `open program ${id}`));
}

/** A second descriptor that outlives the first. */
export function duplicateProgram(fd: number): ProgFd {
  const borrowed = new OwnedFd('prog', fd);
  return progById(progInfo(borrowed).id);
}
