import type { Container, Pod } from '../client/index.ts';
import { type Capabilities, containerCapabilities, setprivArgs } from './capabilities.ts';
import { expand } from './env/expand.ts';

/** How a container's process is run, or why it cannot be (a reason and message as container runtimes give them). */
export type ContainerCommand =
  | {
      readonly kind: 'command';
      readonly argv: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      readonly workingDir: string;
      /** Options of setpriv(1). */
      readonly privileges: readonly string[];
      readonly privileged: boolean;
    }
  | { readonly kind: 'refused'; readonly reason: string; readonly message: string };

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** There are no images here. An image that is known to do nothing does nothing; any other needs a `command`. */
function argvOf(container: Container): readonly string[] | undefined {
  if (container.command.length > 0) return [...container.command, ...container.args];
  const image = container.image.split('/').at(-1) ?? '';
  return /^pause([:@].*)?$/.test(image) && container.args.length === 0 ? ['sleep', 'infinity'] : undefined;
}

function privilegesOf(
  container: Container,
  pod: Pod,
  capabilities: Exclude<Capabilities, { kind: 'unknown' }>,
): string[] {
  const context = container.securityContext;
  const user = context?.runAsUser ?? pod.spec.securityContext?.runAsUser;
  const group = context?.runAsGroup ?? pod.spec.securityContext?.runAsGroup ?? user;
  return [
    ...setprivArgs(capabilities),
    ...(user === undefined ? [] : [`--reuid=${user}`]),
    ...(group === undefined ? [] : [`--regid=${group}`, '--clear-groups']),
    ...(context?.allowPrivilegeEscalation === false ? ['--no-new-privs'] : []),
  ];
}

/** `env`: what the container asks for; only that is seen by what is expanded in its command. */
export function containerCommand(
  container: Container,
  pod: Pod,
  env: Readonly<Record<string, string>>,
): ContainerCommand {
  const refused = (reason: string, message: string): ContainerCommand => ({ kind: 'refused', reason, message });
  const raw = argvOf(container);
  if (raw === undefined) {
    return refused(
      'ErrImageNeverPull',
      `the sandbox has no images: give container "${container.name}" a command, which runs on this machine's file system`,
    );
  }
  const capabilities = containerCapabilities({
    privileged: container.securityContext?.privileged ?? false,
    ...container.securityContext?.capabilities,
  });
  if (capabilities.kind === 'unknown') {
    return refused('CreateContainerError', `unknown capability "${capabilities.name}"`);
  }
  return {
    kind: 'command',
    argv: raw.map((word) => expand(word, env)),
    env: { PATH, HOME: '/root', HOSTNAME: pod.spec.hostname ?? pod.metadata.name, ...env },
    workingDir: container.workingDir ?? '/',
    privileges: privilegesOf(container, pod, capabilities),
    privileged: capabilities.kind === 'all',
  };
}
