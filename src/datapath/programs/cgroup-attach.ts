import { closeSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { datapathErrors } from '../errors.ts';
import type { Config } from '../gen/config.ts';
import type { LinkFd, ObjectSpec, ProgFd } from '../kernel/index.ts';
import {
  cgroupLinkCreate,
  cgroupLinkInfo,
  kernelError,
  linkDetach,
  linkUpdate,
  objectGet,
  objectPin,
} from '../kernel/index.ts';
import type { MapSet } from '../maps/index.ts';
import type { RunningPrograms } from './running.ts';

/** Programs of sock.bpf.c and where they belong; numbers of enum bpf_attach_type. */
export const HOOKS = {
  // The first: what the others remember must be forgotten.
  sock_release: 34,
  connect4: 10,
  connect6: 11,
  post_bind4: 12,
  post_bind6: 13,
  sendmsg4: 14,
  recvmsg4: 19,
  recvmsg6: 20,
  getpeername4: 29,
  getpeername6: 30,
} as const;

type SockHook = keyof typeof HOOKS;
export const SOCK_HOOKS = Object.keys(HOOKS) as SockHook[];

export type SockAttachOptions = {
  /** sock.bpf.o */
  readonly spec: ObjectSpec;
  readonly maps: MapSet;
  readonly config: Config;
  /** Directory of a cgroup v2: the sockets of every process below it are served. */
  readonly cgroup: string;
  /** The node's directory on a bpffs; the links are pinned in its `links/sock/`. */
  readonly pinDir: string;
};

/**
 * Attaches the socket programs to a cgroup as pinned links, which stay when this process dies. A link that is there already
 * gets the new program between two calls; nothing is ever without a program in between. What `load` gives is closed.
 * Throws E_DATAPATH_ATTACH, E_DATAPATH_PIN and what `load` throws.
 */
export async function attachSockets(
  options: Pick<SockAttachOptions, 'cgroup' | 'pinDir'>,
  load: () => Readonly<Record<SockHook, ProgFd>>,
): Promise<void> {
  const directory = join(options.pinDir, 'links/sock');
  const cgroup = openCgroup(options.cgroup);
  const loaded: ProgFd[] = [];
  try {
    const programs = load();
    loaded.push(...Object.values<ProgFd>(programs));
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const hook of SOCK_HOOKS) {
      const pin = join(directory, hook);
      if (await replaced(pin, cgroup.id, { hook, program: programs[hook] })) continue;
      attach(pin, cgroup.fd, { hook, program: programs[hook] });
    }
  } finally {
    closeSync(cgroup.fd);
    for (const program of loaded) program.close();
  }
}

/** Are all links there, at this cgroup? A cgroup that was removed took its links along. */
export function socketsAttached(options: Pick<SockAttachOptions, 'cgroup' | 'pinDir'>): boolean {
  let id: bigint;
  try {
    id = statSync(options.cgroup, { bigint: true }).ino;
  } catch {
    return false;
  }
  return SOCK_HOOKS.every((hook) => {
    using link = objectGet('link', join(options.pinDir, 'links/sock', hook));
    return link !== undefined && cgroupLinkInfo(link).cgroup === id;
  });
}

/** How the programs at a cgroup differ from what they should be; undefined: they do not. */
export function socketsDifference(running: RunningPrograms, options: SockAttachOptions): string | undefined {
  return socketsAttached(options)
    ? pinnedSocketsDifference(running, options)
    : `not all programs are pinned at ${options.cgroup}`;
}

/** The same of what is pinned, whatever cgroup it is attached to. */
export function pinnedSocketsDifference(
  running: RunningPrograms,
  options: Omit<SockAttachOptions, 'cgroup'>,
): string | undefined {
  for (const hook of SOCK_HOOKS) {
    using link = objectGet('link', join(options.pinDir, 'links/sock', hook));
    const id = link === undefined ? 0 : cgroupLinkInfo(link).programId;
    const difference = running.difference(id, { spec: options.spec, program: hook, config: options.config });
    if (difference !== undefined) return `${hook}: ${difference}`;
  }
  return undefined;
}

/** Takes the programs off. Deleting what is gone is success. */
export async function detachSockets(pinDir: string): Promise<void> {
  const directory = join(pinDir, 'links/sock');
  for (const hook of SOCK_HOOKS) await remove(join(directory, hook));
  rmSync(directory, { recursive: true, force: true });
}

type Wanted = { readonly hook: SockHook; readonly program: ProgFd };

/** False when there is no link of this hook at this cgroup; one of another cgroup is removed. */
async function replaced(pin: string, cgroup: bigint, { hook, program }: Wanted): Promise<boolean> {
  using link = objectGet('link', pin);
  if (link === undefined) return false;
  const info = cgroupLinkInfo(link);
  if (info.cgroup !== cgroup || info.attachType !== HOOKS[hook]) {
    await remove(pin);
    return false;
  }
  try {
    linkUpdate(link, program);
    return true;
  } catch (error) {
    throw kernelError('E_DATAPATH_ATTACH', `replace ${hook} at a cgroup`, error);
  }
}

function attach(pin: string, cgroup: number, { hook, program }: Wanted): void {
  let link: LinkFd;
  try {
    link = cgroupLinkCreate(program, cgroup, HOOKS[hook]);
  } catch (error) {
    throw kernelError('E_DATAPATH_ATTACH', `${hook} at a cgroup`, error);
  }
  try {
    objectPin(link, pin);
  } catch (error) {
    throw kernelError('E_DATAPATH_PIN', pin, error);
  } finally {
    link.close();
  }
}

async function remove(pin: string): Promise<void> {
  using link = objectGet('link', pin);
  if (link !== undefined && cgroupLinkInfo(link).cgroup !== 0n) await linkDetach(link);
  rmSync(pin, { force: true });
}

function openCgroup(path: string): { readonly fd: number; readonly id: bigint } {
  try {
    return { fd: openSync(path, 'r'), id: statSync(path, { bigint: true }).ino };
  } catch (cause) {
    throw datapathErrors.make('E_DATAPATH_ATTACH', { detail: `cgroup ${path}`, cause });
  }
}
