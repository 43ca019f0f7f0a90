import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Ifindex, ifindex } from '../../model/index.ts';
import type { LinkFd, ProgFd } from '../kernel/index.ts';
import {
  hasErrno,
  kernelError,
  linkDetach,
  linkInfo,
  linkUpdate,
  objectGet,
  objectPin,
  xdpLinkCreate,
} from '../kernel/index.ts';

export type XdpAttachOptions = {
  readonly program: ProgFd;
  /** In the network namespace of this process. Its driver must know XDP: there is no slower substitute for it. */
  readonly ifindex: Ifindex;
  /** Path on a bpffs. The link lives as long as its pin and its device. */
  readonly pin: string;
};

/**
 * Puts a program at the driver of a device, pinned, or swaps the one that is pinned there.
 * Throws E_DATAPATH_ATTACH (the driver knows no XDP, or another program is there), E_DATAPATH_PIN.
 */
export async function attachXdp(options: XdpAttachOptions): Promise<void> {
  const { program, pin } = options;
  const where = `XDP of ifindex ${options.ifindex}`;
  if (xdpDevice(pin) === options.ifindex) {
    using link = objectGet('link', pin);
    if (link !== undefined) {
      try {
        linkUpdate(link, program);
        return;
      } catch (error) {
        throw kernelError('E_DATAPATH_ATTACH', `replace at ${where}`, error);
      }
    }
  }
  await detachXdp(pin);
  let link: LinkFd;
  try {
    link = await xdpLinkCreate(program, options.ifindex);
  } catch (error) {
    throw kernelError('E_DATAPATH_ATTACH', where, error);
  }
  try {
    mkdirSync(dirname(pin), { recursive: true, mode: 0o700 });
    objectPin(link, pin);
  } catch (error) {
    throw kernelError('E_DATAPATH_PIN', pin, error);
  } finally {
    link.close();
  }
}

/** Which device the link that is pinned there is at; undefined: none is, or its device is gone. */
export function xdpDevice(pin: string): Ifindex | undefined {
  using link = objectGet('link', pin);
  const device = link === undefined ? 0 : linkInfo(link).ifindex;
  return device === 0 ? undefined : ifindex(device);
}

/** Which program that link runs; undefined: there is no link. */
export function xdpProgram(pin: string): number | undefined {
  using link = objectGet('link', pin);
  return link === undefined ? undefined : linkInfo(link).programId;
}

/** Takes the program off the device and removes the pin. Deleting what is gone is success. */
export async function detachXdp(pin: string): Promise<void> {
  try {
    using link = objectGet('link', pin);
    if (link !== undefined) await linkDetach(link);
  } catch (error) {
    if (!hasErrno(error, 'ENOLINK', 'ENODEV', 'EINVAL')) throw kernelError('E_DATAPATH_ATTACH', pin, error);
  } finally {
    rmSync(pin, { force: true });
  }
}
