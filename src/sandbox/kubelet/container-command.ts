import type { Container, Pod } from '../client/index.ts';
import { type Capabilities, containerCapabilities, setprivArgs } from './capabilities.ts';
import { expand } from './env/expand.ts';
import type { ImageCommand } from './images/image-table.ts';

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
      /** Of the image, by their path inside. */
      readonly files: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'refused'; readonly reason: string; readonly message: string };

const NOBODY = 65_534;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

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

/**
 * `env`: what the container asks for; only that is seen by what is expanded in its command. `image`: what its image
 * makes of its command.
 */
export function containerCommand(
  container: Container,
  pod: Pod,
  env: Readonly<Record<string, string>>,
  image: ImageCommand,
): ContainerCommand {
  const refused = (reason: string, message: string): ContainerCommand => ({ kind: 'refused', reason, message });
  if (image.kind === 'none') return refused('ErrImageNeverPull', image.message);
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
    argv: image.argv.map((word) => expand(word, env)),
    env: { PATH, HOME: '/root', HOSTNAME: pod.spec.hostname ?? pod.metadata.name, ...image.env, ...env },
    workingDir: container.workingDir ?? image.workingDir ?? '/',
    privileges: privilegesOf(container, pod, capabilities),
    files: image.files,
    privileged: capabilities.kind === 'all',
    readOnlyRoot: container.securityContext?.readOnlyRootFilesystem ?? false,
  };
}
