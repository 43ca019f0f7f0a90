import { HOME } from '../../base/home.ts';
import { sandboxErrors } from '../errors.ts';

/** The repository: `./membrane`, `build/` and `examples/` are found from here. */
export const REPOSITORY = HOME;

/** Everything that the sandbox keeps while it is up. Mode 0700. */
export const STATE_DIR = '/run/membrane-sandbox';
/** Where agents keep theirs, one folder a node. */
export const AGENT_STATE_DIR = '/run/membrane';
export const BPF_MOUNT = '/sys/fs/bpf';
export const PIN_DIR = `${BPF_MOUNT}/membrane`;
export const NETNS_DIR = '/run/netns';
/** Every namespace's name starts with it. */
export const NETNS_PREFIX = 'mbr-';
export const WORLD = 'mbr-world';

/** One path segment made of what a Kubernetes name may hold; throws E_SANDBOX_UNSAFE_NAME for anything else. */
export function safeSegment(text: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/.test(text) || text.includes('..')) {
    throw sandboxErrors.make('E_SANDBOX_UNSAFE_NAME', { detail: JSON.stringify(text.slice(0, 80)) });
  }
  return text;
}
