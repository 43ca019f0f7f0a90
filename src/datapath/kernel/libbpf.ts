/**
 * The only file that calls foreign code. koffi takes plain numbers and BigInts as pointers without a check and a stale
 * one crashes the process, so pointers never leave this file except as `Mapping` and `BpfObject`, which know when they
 * are gone.
 */
import { constants } from 'node:os';
import koffi from 'koffi';
import { datapathErrors } from '../errors.ts';
import { ErrnoError } from './errno.ts';
import { trueAnswer } from './true-errno.ts';

type Pointer = bigint;

const SYS_BPF = { x64: 321, arm64: 280 }[process.arch as 'x64' | 'arm64'];

type Libc = {
  readonly syscall: (number: number, command: number, attr: Uint8Array, size: number) => number | bigint;
  readonly syscallAsync: AsyncSyscall;
  readonly close: (fd: number) => number;
  readonly mmap: (addr: null, length: number, prot: number, flags: number, fd: number, offset: number) => Pointer;
  readonly munmap: (addr: Pointer, length: number) => number;
  readonly setns: (fd: number, type: number) => number;
  readonly socket: (domain: number, type: number, protocol: number) => number;
  readonly bind: (fd: number, address: Uint8Array, length: number) => number;
  readonly listen: (fd: number, backlog: number) => number;
  readonly setsockopt: (fd: number, level: number, name: number, value: Int32Array, length: number) => number;
  readonly getsockopt: (fd: number, level: number, name: number, value: Uint8Array, length: Uint32Array) => number;
  readonly sendAsync: (
    fd: number,
    data: Uint8Array,
    length: number,
    flags: number,
    done: (error: Error | null, result: number | bigint) => void,
  ) => void;
  readonly send: (fd: number, data: Uint8Array, length: number, flags: number) => number | bigint;
  readonly recv: (fd: number, data: Uint8Array, length: number, flags: number) => number | bigint;
  readonly ioctl: (fd: number, request: number, argument: number | bigint) => number;
  readonly pipe2: (fds: Int32Array, flags: number) => number;
  readonly mount: (source: string, target: string, type: string, flags: number, data: string | null) => number;
  readonly sysconf: (name: number) => number | bigint;
  readonly signalMask: (how: number, set: Uint8Array, old: Uint8Array | null) => number;
  readonly vsnprintf: (buffer: Uint8Array, size: number, format: Pointer, args: Pointer) => number;
};

type Libbpf = {
  readonly setPrint: (callback: Pointer | null) => Pointer;
  readonly open: (path: string, options: null) => Pointer | null;
  readonly load: (object: Pointer) => number;
  readonly close: (object: Pointer) => void;
  readonly findMap: (object: Pointer, name: string) => Pointer | null;
  readonly findProgram: (object: Pointer, name: string) => Pointer | null;
  readonly nextMap: (object: Pointer, previous: Pointer | null) => Pointer | null;
  readonly mapName: (map: Pointer) => string;
  readonly setAutocreate: (map: Pointer, enabled: boolean) => number;
  readonly reuseFd: (map: Pointer, fd: number) => number;
  readonly initialValue: (map: Pointer, size: BigUint64Array) => Pointer | null;
  readonly setAutoload: (program: Pointer, enabled: boolean) => number;
  readonly setLogBuffer: (program: Pointer, buffer: Uint8Array, size: number) => number;
  readonly programFd: (program: Pointer) => number;
};

/** Loading a shared library costs milliseconds: nothing is loaded before it is used. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

const libc = once((): Libc => {
  const lib = koffi.load('libc.so.6');
  const syscall = lib.func('long syscall(long, int, void*, uint32_t)');
  const send = lib.func('long send(int, const void*, size_t, int)');
  return {
    syscall,
    syscallAsync: syscall.async as AsyncSyscall,
    close: lib.func('int close(int)'),
    mmap: lib.func('void* mmap(void*, size_t, int, int, int, long)'),
    munmap: lib.func('int munmap(void*, size_t)'),
    setns: lib.func('int setns(int, int)'),
    socket: lib.func('int socket(int, int, int)'),
    bind: lib.func('int bind(int, const void*, uint32_t)'),
    listen: lib.func('int listen(int, int)'),
    setsockopt: lib.func('int setsockopt(int, int, int, const void*, uint32_t)'),
    getsockopt: lib.func('int getsockopt(int, int, int, void*, void*)'),
    send,
    sendAsync: send.async as Libc['sendAsync'],
    recv: lib.func('long recv(int, void*, size_t, int)'),
    // Variadic in C; on both supported architectures an integer or a pointer is passed as if it were not.
    ioctl: lib.func('int ioctl(int, unsigned long, unsigned long)'),
    pipe2: lib.func('int pipe2(void*, int)'),
    mount: lib.func('int mount(const char*, const char*, const char*, unsigned long, const char*)'),
    sysconf: lib.func('long sysconf(int)'),
    signalMask: lib.func('int pthread_sigmask(int, const void*, void*)'),
    vsnprintf: lib.func('int vsnprintf(void*, size_t, void*, void*)'),
  };
});

/** Messages of libbpf since the last `takeMessages`. Warnings only: at most a few lines for one failed load. */
const messages: string[] = [];
const WARN = 0;

function takeMessages(): string[] {
  return messages.splice(0);
}

const libbpf = once((): Libbpf => {
  try {
    const lib = koffi.load('libbpf.so.1');
    const binding: Libbpf = {
      setPrint: lib.func('void* libbpf_set_print(void*)'),
      open: lib.func('void* bpf_object__open_file(const char*, void*)'),
      load: lib.func('int bpf_object__load(void*)'),
      close: lib.func('void bpf_object__close(void*)'),
      findMap: lib.func('void* bpf_object__find_map_by_name(void*, const char*)'),
      findProgram: lib.func('void* bpf_object__find_program_by_name(void*, const char*)'),
      nextMap: lib.func('void* bpf_object__next_map(void*, void*)'),
      mapName: lib.func('const char* bpf_map__name(void*)'),
      setAutocreate: lib.func('int bpf_map__set_autocreate(void*, bool)'),
      reuseFd: lib.func('int bpf_map__reuse_fd(void*, int)'),
      initialValue: lib.func('void* bpf_map__initial_value(void*, void*)'),
      setAutoload: lib.func('int bpf_program__set_autoload(void*, bool)'),
      setLogBuffer: lib.func('int bpf_program__set_log_buf(void*, void*, size_t)'),
      programFd: lib.func('int bpf_program__fd(void*)'),
    };
    const line = new Uint8Array(2048);
    // A va_list is passed by reference on both supported architectures, so it can be handed on to vsnprintf as a pointer.
    const print = koffi.register(
      (level: number, format: Pointer, args: Pointer): number => {
        if (level === WARN) {
          const length = libc().vsnprintf(line, line.length, format, args);
          messages.push(
            Buffer.from(line.buffer, 0, Math.min(length, line.length - 1))
              .toString()
              .trimEnd(),
          );
        }
        return 0;
      },
      koffi.pointer(koffi.proto('int(int, void*, void*)')),
    );
    binding.setPrint(print);
    return binding;
  } catch (cause) {
    throw datapathErrors.make('E_DATAPATH_LIBBPF', { cause });
  }
});

/** Address of a buffer, for an attr. The caller keeps the buffer referenced until its system call has returned. */
export function addressOf(buffer: ArrayBufferView): bigint {
  return koffi.address(buffer);
}

const errno = (): number => koffi.errno();

/** Runs bpf(2). Throws ErrnoError. Returns what the kernel returned (a descriptor or 0): nothing that is done here waits. */
export function bpf(command: number, attr: Uint8Array, operation: string): number {
  const call = (): number => Number(libc().syscall(SYS_BPF, command, attr, attr.length));
  return trueAnswer(attr, operation, { call, errno });
}

type AsyncSyscall = (
  number: number,
  command: number,
  attr: Uint8Array,
  size: number,
  done: (error: Error | null, result: number | bigint) => void,
) => void;

/**
 * bpf(2) on another thread, for commands that wait for an RCU grace period (12-16 ms). `attr` belongs to the call, and
 * the caller keeps everything it points to. Rejects with ErrnoError.
 */
export async function bpfAsync(command: number, attr: Uint8Array, operation: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  libc().syscallAsync(SYS_BPF, command, attr, attr.length, (error, result) => {
    // koffi carries the other thread's errno over to this callback.
    if (error !== null) reject(error);
    else if (Number(result) < 0) reject(new ErrnoError(operation, koffi.errno()));
    else resolve(Number(result));
  });
  return await promise;
}

/** Calls back whenever the descriptor can be read, until disposed of; that comes before it is closed. */
export function onReadable(fd: number, callback: () => void): Disposable {
  const handle = koffi.node.poll(fd, { readable: true }, callback);
  return { [Symbol.dispose]: () => handle.close() };
}

export function closeFd(fd: number): void {
  libc().close(fd);
}

export const pageSize = once((): number => {
  const SC_PAGESIZE = 30;
  return Number(libc().sysconf(SC_PAGESIZE));
});

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;

/** Memory shared with the kernel. `close` empties every view of it, so that none reads unmapped memory. */
export class Mapping implements Disposable {
  readonly #address: Pointer;
  readonly #length: number;
  #buffer: ArrayBuffer | undefined;

  private constructor(address: Pointer, length: number) {
    this.#address = address;
    this.#length = length;
    this.#buffer = koffi.view(address, length);
  }

  /** `offset` and `length` in bytes, offset a multiple of the page size. Throws ErrnoError. */
  static of(fd: number, options: { offset?: number; length: number; writable: boolean }): Mapping {
    const prot = options.writable ? PROT_READ | PROT_WRITE : PROT_READ;
    const address = libc().mmap(null, options.length, prot, MAP_SHARED, fd, options.offset ?? 0);
    if (BigInt.asIntN(64, address) === -1n) throw new ErrnoError('mmap', koffi.errno());
    return new Mapping(address, options.length);
  }

  get buffer(): ArrayBuffer {
    if (this.#buffer === undefined) throw new Error('use of a closed mapping');
    return this.#buffer;
  }

  close(): void {
    if (this.#buffer === undefined) return;
    this.#buffer.transfer();
    this.#buffer = undefined;
    libc().munmap(this.#address, this.#length);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const CLONE_NEWNET = 0x4000_0000;
const SOCK_CLOEXEC = 0o2000000;
const O_CLOEXEC = 0o2000000;

/**
 * Runs `action` with this thread in the network namespace of `target`, then returns to `home`. Synchronous on purpose:
 * a thread that is started in between would stay in the other namespace. Throws ErrnoError.
 */
export function inNetns<T>(target: number, home: number, action: () => T): T {
  if (libc().setns(target, CLONE_NEWNET) !== 0) throw new ErrnoError('setns', koffi.errno());
  try {
    return action();
  } finally {
    if (libc().setns(home, CLONE_NEWNET) !== 0) {
      // Everything after this would act on the wrong namespace: no state is worse than a dead process.
      process.abort();
    }
  }
}

export function openSocket(domain: number, type: number, protocol: number): number {
  const fd = libc().socket(domain, type | SOCK_CLOEXEC, protocol);
  if (fd < 0) throw new ErrnoError('socket', koffi.errno());
  return fd;
}

/** ioctl(2) with a number or a buffer. Throws ErrnoError. Returns what the kernel returned. */
export function ioctl(fd: number, request: number, argument: number | Uint8Array): number {
  const result = libc().ioctl(fd, request, typeof argument === 'number' ? argument : addressOf(argument));
  if (result < 0) throw new ErrnoError('ioctl', koffi.errno());
  return result;
}

const AF_INET = 2;
const SOCK_DGRAM = 2;
const IFNAMSIZ = 16;
const IFREQ_BYTES = 40;

/**
 * ioctl(2) about a network device of this process's namespace: `argument` is what its struct ifreq points to, and is answered
 * in. Throws ErrnoError.
 */
export function deviceIoctl(name: string, request: number, argument: Uint8Array): void {
  const ifreq = new Uint8Array(IFREQ_BYTES);
  ifreq.set(new TextEncoder().encode(name).subarray(0, IFNAMSIZ - 1));
  new DataView(ifreq.buffer).setBigUint64(IFNAMSIZ, addressOf(argument), true);
  const socket = openSocket(AF_INET, SOCK_DGRAM, 0);
  try {
    ioctl(socket, request, ifreq);
  } finally {
    closeFd(socket);
  }
}

/** Both ends of a pipe, closed on exec: the one to read from and the one to write to. */
export function openPipe(): { readonly reader: number; readonly writer: number } {
  const fds = new Int32Array(2);
  if (libc().pipe2(fds, O_CLOEXEC) !== 0) throw new ErrnoError('pipe2', koffi.errno());
  const [reader = -1, writer = -1] = fds;
  return { reader, writer };
}

/** An option of eight bytes. Throws ErrnoError. */
export function socketOption64(fd: number, level: number, name: number): bigint {
  const value = new Uint8Array(new ArrayBuffer(8));
  if (libc().getsockopt(fd, level, name, value, Uint32Array.of(8)) !== 0) {
    throw new ErrnoError('getsockopt', koffi.errno());
  }
  return new DataView(value.buffer).getBigUint64(0, true);
}

/** An option that the kernel writes into `value`, which says by its contents what is asked for. Throws ErrnoError. */
export function readSocketOption(fd: number, level: number, name: number, value: Uint8Array): void {
  if (libc().getsockopt(fd, level, name, value, Uint32Array.of(value.length)) !== 0) {
    throw new ErrnoError('getsockopt', koffi.errno());
  }
}

/** `sockaddr`: as the kernel has it. Throws ErrnoError. */
export function bindSocket(fd: number, sockaddr: Uint8Array): void {
  if (libc().bind(fd, sockaddr, sockaddr.length) !== 0) throw new ErrnoError('bind', koffi.errno());
}

/** Binds to a raw `sockaddr` and listens, whatever connections of an earlier listener are not forgotten yet. Throws ErrnoError. */
export function bindAndListen(fd: number, sockaddr: Uint8Array, backlog: number): void {
  const [SOL_SOCKET, SO_REUSEADDR] = [1, 2];
  if (libc().setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, Int32Array.of(1), 4) !== 0) {
    throw new ErrnoError('setsockopt', koffi.errno());
  }
  bindSocket(fd, sockaddr);
  if (libc().listen(fd, backlog) !== 0) throw new ErrnoError('listen', koffi.errno());
}

/** send(2) on another thread: netlink does the work inside it, and removing a device waits for the kernel. */
export async function sendAsync(fd: number, data: Uint8Array): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  libc().sendAsync(fd, data, data.length, 0, (error, result) => {
    if (error !== null) reject(error);
    else if (Number(result) < 0) reject(new ErrnoError('send', koffi.errno()));
    else resolve();
  });
  await promise;
}

/** Bytes received into `data`; undefined when nothing is there. Never waits. Throws ErrnoError. */
export function receiveFrom(fd: number, data: Uint8Array): number | undefined {
  const MSG_DONTWAIT = 0x40;
  const received = Number(libc().recv(fd, data, data.length, MSG_DONTWAIT));
  if (received >= 0) return received;
  const errno = koffi.errno();
  // An error costs ten times as much as the call, and most calls find nothing.
  if (errno === constants.errno.EAGAIN) return undefined;
  throw new ErrnoError('recv', errno);
}

export function mountBpffs(target: string): void {
  if (libc().mount('bpffs', target, 'bpf', 0, 'mode=700') !== 0) throw new ErrnoError('mount', koffi.errno());
}

/** Largest verifier log that is kept; the kernel keeps its tail when it is longer. */
const LOG_SIZE = 4 << 20;

/** What libbpf said when a load failed: its warnings and the verifier's log by program. */
export type LoadFailure = {
  readonly errno: number;
  readonly messages: readonly string[];
  readonly logs: ReadonlyMap<string, string>;
};

/** What glibc takes for a set of signals. */
const SIGSET_BYTES = 128;
const SIG_SETMASK = 2;

/**
 * Runs `action` while no signal comes to this thread; those for the process go to another, or wait. The verifier gives up
 * when one is pending (EAGAIN), and libbpf's five attempts are soon over where a profiler or children that end send many.
 */
export function withoutSignals<T>(action: () => T): T {
  const before = new Uint8Array(SIGSET_BYTES);
  libc().signalMask(SIG_SETMASK, new Uint8Array(SIGSET_BYTES).fill(0xff), before);
  try {
    return action();
  } finally {
    libc().signalMask(SIG_SETMASK, before, null);
  }
}

/** A libbpf object between open and close. Programs that shall outlive it are duplicated by `programFd`'s caller. */
export class BpfObject implements Disposable {
  readonly #path: string;
  readonly #logs = new Map<string, Uint8Array>();
  #object: Pointer | undefined;

  private constructor(path: string, object: Pointer) {
    this.#path = path;
    this.#object = object;
  }

  /** Throws E_DATAPATH_OBJECT. */
  static open(path: string): BpfObject {
    takeMessages();
    const object = libbpf().open(path, null);
    if (object === null) {
      const cause = new ErrnoError('bpf_object__open_file', koffi.errno());
      throw datapathErrors.make('E_DATAPATH_OBJECT', { detail: [path, ...takeMessages()].join(': '), cause });
    }
    return new BpfObject(path, object);
  }

  get #pointer(): Pointer {
    if (this.#object === undefined) throw new Error(`use of a closed object ${this.#path}`);
    return this.#object;
  }

  #map(name: string): Pointer {
    const map = libbpf().findMap(this.#pointer, name);
    if (map === null) throw datapathErrors.make('E_DATAPATH_OBJECT', { detail: `${this.#path} has no map ${name}` });
    return map;
  }

  #program(name: string): Pointer {
    const program = libbpf().findProgram(this.#pointer, name);
    if (program === null) {
      throw datapathErrors.make('E_DATAPATH_OBJECT', { detail: `${this.#path} has no program ${name}` });
    }
    return program;
  }

  #check(result: number, operation: string): void {
    if (result < 0) {
      const cause = new ErrnoError(operation, -result);
      throw datapathErrors.make('E_DATAPATH_LOAD', { detail: [this.#path, ...takeMessages()].join(': '), cause });
    }
  }

  /** The map is not created; code that uses it must be dead, or the load fails. */
  omitMap(name: string): void {
    this.#check(libbpf().setAutocreate(this.#map(name), false), `leave out map ${name}`);
  }

  /** Uses an existing map. libbpf duplicates the descriptor. */
  reuseMap(name: string, fd: number): void {
    this.#check(libbpf().reuseFd(this.#map(name), fd), `reuse map ${name}`);
  }

  /** Overwrites a part of a data section before the load. Sections are maps named `<first 8 of object>.rodata` in the kernel. */
  patchSection(section: string, offset: number, bytes: Uint8Array): void {
    const size = new BigUint64Array(1);
    for (let map = libbpf().nextMap(this.#pointer, null); map !== null; map = libbpf().nextMap(this.#pointer, map)) {
      if (!libbpf().mapName(map).endsWith(section)) continue;
      const start = libbpf().initialValue(map, size);
      if (start === null || offset + bytes.length > Number(size[0])) break;
      new Uint8Array(koffi.view(start, Number(size[0]))).set(bytes, offset);
      return;
    }
    throw datapathErrors.make('E_DATAPATH_OBJECT', {
      detail: `${this.#path}: no ${bytes.length} bytes at ${offset} in section ${section}`,
    });
  }

  setAutoload(program: string, enabled: boolean): void {
    this.#check(libbpf().setAutoload(this.#program(program), enabled), `choose program ${program}`);
  }

  /** Keeps the verifier's log of this program in case the load fails. */
  keepLog(program: string): void {
    const buffer = new Uint8Array(LOG_SIZE);
    this.#logs.set(program, buffer);
    this.#check(libbpf().setLogBuffer(this.#program(program), buffer, buffer.length), `log of ${program}`);
  }

  /** Loads all chosen programs; `undefined` on success. */
  load(): LoadFailure | undefined {
    takeMessages();
    const result = withoutSignals(() => libbpf().load(this.#pointer));
    if (result >= 0) return undefined;
    const logs = new Map<string, string>();
    for (const [program, buffer] of this.#logs) {
      const end = buffer.indexOf(0);
      if (end > 0) logs.set(program, Buffer.from(buffer.buffer, 0, end).toString());
    }
    return { errno: -result, messages: takeMessages(), logs };
  }

  /** Belongs to the object: valid until `close`. */
  programFd(name: string): number {
    const fd = libbpf().programFd(this.#program(name));
    this.#check(fd, `descriptor of ${name}`);
    return fd;
  }

  close(): void {
    if (this.#object === undefined) return;
    libbpf().close(this.#object);
    this.#object = undefined;
    this.#logs.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
