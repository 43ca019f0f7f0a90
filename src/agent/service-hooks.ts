import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage, type Logger } from '../base/index.ts';
import { attachSockets, detachSockets, type SockAttachOptions } from '../datapath/index.ts';

/** Where kubelet puts pods (cgroup drivers systemd and cgroupfs). */
const KUBEPODS = ['kubepods.slice', 'kubepods'];

export type ServiceHooksOptions = Omit<SockAttachOptions, 'cgroup'> & {
  /** Undefined: that of the pods, when there is one. */
  readonly cgroup: string | undefined;
  readonly log: Logger;
};

/**
 * Puts the socket programs in place, or takes them off when services are off. They stay when the agent ends. The cgroup
 * that they are attached to; undefined when they are not.
 */
export async function serviceHooks(options: ServiceHooksOptions): Promise<string | undefined> {
  const { config, pinDir, log } = options;
  if (!config.enableServices) {
    await detachSockets(pinDir);
    return undefined;
  }
  const cgroup = options.cgroup ?? podsCgroup();
  if (cgroup === undefined) {
    log.warn({}, 'no cgroup of pods was found, sockets are not turned to backends: set "cgroup" in the configuration');
    return undefined;
  }
  try {
    await attachSockets({ ...options, cgroup });
    return cgroup;
  } catch (error) {
    // Pods must be served and judged all the same.
    log.error(
      { cgroup, error: errorMessage(error) },
      'the socket programs could not be attached, services are not served',
    );
    return undefined;
  }
}

function podsCgroup(): string | undefined {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  const mount = mounts.map((line) => line.split(' ')).find(([, , type]) => type === 'cgroup2')?.[1];
  if (mount === undefined) return undefined;
  return KUBEPODS.map((name) => join(mount, name)).find(
    (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true,
  );
}
