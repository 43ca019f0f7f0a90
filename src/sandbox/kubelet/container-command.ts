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
      readonly readOnlyRoot: boolean;
    }
  | { readonly kind: 'refused'; readonly reason: string; readonly message: string };

const NOBODY = 65_534;
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
  const user = userOf(container, pod);
  const group = context?.runAsGroup ?? pod.spec.securityContext?.runAsGroup ?? user;
  const { fsGroup, supplementalGroups = [] } = pod.spec.securityContext ?? {};
  const groups = [...(fsGroup === undefined ? [] : [fsGroup]), ...supplementalGroups];
  return [
    ...setprivArgs(capabilities),
    ...(user === undefined ? [] : [`--reuid=${user}`]),
    ...(group === undefined ? [] : [`--regid=${group}`]),
    ...(groups.length > 0 ? [`--groups=${groups.join(',')}`] : group === undefined ? [] : ['--clear-groups']),
    ...(context?.allowPrivilegeEscalation === false ? ['--no-new-privs'] : []),
  ];
}

function mustNotBeRoot(container: Container, pod: Pod): boolean {
  return container.securityContext?.runAsNonRoot ?? pod.spec.securityContext?.runAsNonRoot ?? false;
}

/** There is no image to say who its user is: root, unless it must not be. */
function userOf(container: Container, pod: Pod): number | undefined {
  const asked = container.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser;
  return asked ?? (mustNotBeRoot(container, pod) ? NOBODY : undefined);
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
  if (mustNotBeRoot(container, pod) && userOf(container, pod) === 0) {
    const { name, namespace, uid } = pod.metadata;
    return refused(
      'CreateContainerConfigError',
      `container's runAsUser breaks non-root policy (pod: "${name}_${namespace}(${uid})", container: ${container.name})`,
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
    readOnlyRoot: container.securityContext?.readOnlyRootFilesystem ?? false,
  };
}
