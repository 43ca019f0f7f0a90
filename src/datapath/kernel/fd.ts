import { closeFd } from './libbpf.ts';

export type FdKind = 'map' | 'prog' | 'link' | 'socket' | 'netns' | 'btf' | 'stats';

/** A file descriptor that somebody owns: closed once, and unusable afterwards (a reused number would be another object). */
export class OwnedFd<K extends FdKind = FdKind> implements Disposable {
  readonly kind: K;
  #fd: number;

  constructor(kind: K, fd: number) {
    this.kind = kind;
    this.#fd = fd;
  }

  /** The number, for one call; never kept. */
  get number(): number {
    if (this.#fd < 0) throw new Error(`use of a closed ${this.kind} descriptor`);
    return this.#fd;
  }

  get isOpen(): boolean {
    return this.#fd >= 0;
  }

  /** Idempotent. */
  close(): void {
    const fd = this.#fd;
    if (fd < 0) return;
    this.#fd = -1;
    closeFd(fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export type MapFd = OwnedFd<'map'>;
export type ProgFd = OwnedFd<'prog'>;
export type LinkFd = OwnedFd<'link'>;
