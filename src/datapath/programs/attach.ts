import { mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Ifindex, ifindex } from '../../model/index.ts';
import { datapathErrors } from '../errors.ts';
import type { LinkFd, ProgFd } from '../kernel/index.ts';
import {
  hasErrno,
  kernelError,
  linkDetach,
  linkInfo,
  linkUpdate,
  objectGet,
  objectPin,
  progInfo,
  TCX_EGRESS,
  TCX_INGRESS,
  tcxLinkCreate,
  tcxQuery,
} from '../kernel/index.ts';

/** Seen from the device: `ingress` is what comes out of the pod when the device is the host end of its veth pair. */
export type TcxHook = 'ingress' | 'egress';

const ATTACH_TYPES: Readonly<Record<TcxHook, number>> = { ingress: TCX_INGRESS, egress: TCX_EGRESS };

export type AttachOptions = {
  readonly program: ProgFd;
  /** In the network namespace of this process. */
  readonly ifindex: Ifindex;
  readonly hook: TcxHook;
  /** Path on a bpffs. The link lives as long as its pin and its device. */
  readonly pin: string;
};

/** A program at a device, pinned: it stays when this process dies. */
export class TcxLink implements Disposable {
  readonly hook: TcxHook;
  readonly pin: string;
  readonly #fd: LinkFd;
  /** Inode of the pin that was seen to be this link's. */
  #ownInode: number | undefined;

  private constructor(options: { hook: TcxHook; pin: string; fd: LinkFd }) {
    this.hook = options.hook;
    this.pin = options.pin;
    this.#fd = options.fd;
  }

  /**
   * Attaches, or swaps the program of the link that is pinned there already. Ours is put in front of everything else on
   * the hook, because a program in front of it could let packets by; the order is read back.
   * Throws E_DATAPATH_ATTACH, E_DATAPATH_ATTACH_ORDER, E_DATAPATH_PIN, E_DATAPATH_PERMISSION.
   */
  static async attach(options: AttachOptions): Promise<TcxLink> {
    const existing = TcxLink.open(options.pin);
    if (existing !== undefined) {
      if (existing.now.ifindex === options.ifindex && existing.hook === options.hook) {
        existing.replace(options.program);
        return existing;
      }
      // Of a device that is gone, or of a former owner of the name.
      await existing.detach();
    }
    const link = await TcxLink.#create(options);
    try {
      mkdirSync(dirname(options.pin), { recursive: true, mode: 0o700 });
      objectPin(link.#fd, options.pin);
    } catch (error) {
      link.close();
      throw kernelError('E_DATAPATH_PIN', options.pin, error);
    }
    try {
      link.verify(options.program);
    } catch (error) {
      await link.detach();
      throw error;
    }
    return link;
  }

  static async #create(options: AttachOptions): Promise<TcxLink> {
    try {
      const fd = await tcxLinkCreate(options.program, options.ifindex, ATTACH_TYPES[options.hook]);
      return new TcxLink({ hook: options.hook, pin: options.pin, fd });
    } catch (error) {
      throw kernelError('E_DATAPATH_ATTACH', `${options.hook} of ifindex ${options.ifindex}`, error);
    }
  }

  /** The link that is pinned there; undefined when there is none. */
  static open(pin: string): TcxLink | undefined {
    try {
      const fd = objectGet('link', pin);
      if (fd === undefined) return undefined;
      const info = linkInfo(fd);
      const hook = info.attachType === TCX_INGRESS ? 'ingress' : 'egress';
      return new TcxLink({ hook, pin, fd });
    } catch (error) {
      throw kernelError('E_DATAPATH_PIN', pin, error);
    }
  }

  /** The device that it is at now, 0 when that is gone or somebody took the program off; kernel id of what it runs there. */
  get now(): { readonly ifindex: Ifindex; readonly programId: number } {
    const { ifindex: device, programId } = linkInfo(this.#fd);
    return { ifindex: ifindex(device), programId };
  }

  /** Whether it is this link that is pinned at its place. */
  get isPinned(): boolean {
    const inode = statSync(this.pin, { throwIfNoEntry: false })?.ino;
    if (inode === undefined) return false;
    // A pin never becomes another object's; asking the kernel each time whose it is costs ten times as much.
    if (inode === this.#ownInode) return true;
    try {
      using pinned = objectGet('link', this.pin);
      const isOwn = pinned !== undefined && linkInfo(pinned).id === linkInfo(this.#fd).id;
      if (isOwn) this.#ownInode = inode;
      return isOwn;
    } catch (error) {
      throw kernelError('E_DATAPATH_PIN', this.pin, error);
    }
  }

  /** Pins it again where it was. Throws E_DATAPATH_PIN. */
  repin(): void {
    try {
      mkdirSync(dirname(this.pin), { recursive: true, mode: 0o700 });
      rmSync(this.pin, { force: true });
      objectPin(this.#fd, this.pin);
    } catch (error) {
      throw kernelError('E_DATAPATH_PIN', this.pin, error);
    }
  }

  /** Swaps the program between two packets. Throws E_DATAPATH_ATTACH (the device is gone). */
  replace(program: ProgFd): void {
    try {
      linkUpdate(this.#fd, program);
    } catch (error) {
      throw kernelError('E_DATAPATH_ATTACH', `replace at ${this.hook} of ifindex ${this.now.ifindex}`, error);
    }
  }

  /** Reads back what the kernel runs. Throws E_DATAPATH_ATTACH, E_DATAPATH_ATTACH_ORDER. */
  verify(program?: ProgFd): void {
    const { ifindex: device, programId: expected } = this.now;
    const where = `${this.hook} of ifindex ${device}`;
    if (program !== undefined && progInfo(program).id !== expected) {
      throw datapathErrors.make('E_DATAPATH_ATTACH', {
        detail: `${where} runs program ${expected}, expected ${progInfo(program).id}`,
      });
    }
    const running = this.#query(device, where);
    if (!running.includes(expected)) {
      const detail = `program ${expected} is not at ${where}, found ${running.join(', ') || 'none'}`;
      throw datapathErrors.make('E_DATAPATH_ATTACH', { detail });
    }
    if (running[0] !== expected) {
      const detail = `at ${where} program ${running[0]} runs before ours (${expected})`;
      throw datapathErrors.make('E_DATAPATH_ATTACH_ORDER', { detail });
    }
  }

  #query(device: Ifindex, where: string): number[] {
    try {
      return tcxQuery(device, ATTACH_TYPES[this.hook]);
    } catch (error) {
      throw kernelError('E_DATAPATH_ATTACH', where, error);
    }
  }

  /** Takes the program off the device and removes the pin. Deleting what is gone is success. */
  async detach(): Promise<void> {
    try {
      if (this.#fd.isOpen) await linkDetach(this.#fd);
    } catch (error) {
      // ENOLINK: its device is gone already.
      if (!hasErrno(error, 'ENOLINK', 'ENODEV')) throw kernelError('E_DATAPATH_ATTACH', this.pin, error);
    } finally {
      this.close();
      rmSync(this.pin, { force: true });
    }
  }

  /** Lets go of it; the program stays attached. */
  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
