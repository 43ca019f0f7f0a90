import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { namespacedName } from '../../base/index.ts';
import { ApiError, badRequest, type ExecProcess, execProcess, type PodStreams } from '../apiserver/index.ts';
import { type ExecTarget, execArgv, type Kubelet, podEnvironment } from '../kubelet/index.ts';
import { connectInNetns, Pty } from '../machine/index.ts';

/** Answers `kubectl exec`, `attach` and `port-forward` in place of the kubelets' own servers. */
export function podStreams(kubeletOf: (namespace: string, name: string) => Kubelet | undefined): PodStreams {
  return {
    async exec(namespace, name, { container, command, tty }) {
      const target = kubeletOf(namespace, name)?.execTarget(namespace, name, container);
      if (target === undefined) throw containerNotFound(container);
      return tty ? execInTerminal(target, command) : execWithPipes(target, command);
    },
    async attach(namespace, name, { container, stdin }) {
      const attached = kubeletOf(namespace, name)?.attach(namespace, name, container, { stdin });
      if (attached === undefined) throw containerNotFound(container);
      return attached;
    },
    async dialer(namespace, name) {
      const netns = kubeletOf(namespace, name)?.netnsOf(namespace, name);
      const pod = namespacedName({ namespace, name });
      if (netns === undefined) throw badRequest(`unable to forward port because pod ${pod} is not running`);
      return (port) => dial(netns, port, pod);
    },
  };
}

/** As the kubelet says it. */
function containerNotFound(container: string): ApiError {
  return new ApiError(500, 'InternalError', `unable to upgrade connection: container not found ("${container}")`);
}

function execWithPipes(target: ExecTarget, command: readonly string[]): ExecProcess {
  const [file = '', ...args] = execArgv({ ...target, argv: command });
  return execProcess(spawn(file, args, { stdio: 'pipe', env: podEnvironment(target.env) }));
}

/** The command leads a session in the container whose terminal it has; that hangs up when the client leaves. */
function execInTerminal(target: ExecTarget, command: readonly string[]): ExecProcess {
  const pty = new Pty();
  const [file = '', ...args] = execArgv({ ...target, argv: command, tty: true });
  const { slave } = pty;
  const child = spawn(file, args, {
    stdio: [slave, slave, slave],
    env: podEnvironment({ TERM: 'xterm', ...target.env }),
  });
  pty.closeSlave();
  return {
    stdin: pty.input,
    stdout: pty.output,
    exited: execProcess(child).exited,
    resize: (columns, rows) => pty.resize(columns, rows),
    kill: () => pty.close(),
  };
}

/** To the pod's own loopback, as a container runtime connects: no policy is asked, there or here. */
async function dial(netns: string, port: number, pod: string): Promise<ReturnType<typeof connectInNetns>> {
  const socket = connectInNetns(netns, '127.0.0.1', port, { allowHalfOpen: true });
  try {
    await once(socket, 'connect');
    return socket;
  } catch (cause) {
    socket.destroy();
    const isRefused = (cause as NodeJS.ErrnoException).code === 'ECONNREFUSED';
    const why = isRefused ? 'connection refused' : (cause as Error).message;
    throw new Error(
      `error forwarding port ${port} to pod ${pod}, uid : failed to execute portforward in network namespace "${netns}": ` +
        `failed to connect to localhost:${port} inside namespace "${pod}", IPv4: dial tcp4 127.0.0.1:${port}: connect: ${why}`,
      { cause },
    );
  }
}
