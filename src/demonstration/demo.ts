import { join } from 'node:path';
import { aborted, interruption, manifestFiles, REPOSITORY, SandboxCluster, stringAt } from '../sandbox/index.ts';
import { selectAttacks } from './catalogue.ts';
import { runAttacks } from './run.ts';
import { patience } from './tools/index.ts';

const EXAMPLE = join(REPOSITORY, 'examples/two-tenants');
const NODES = 2;
const READY_TIMEOUT_MS = 60_000;
/** 128 + SIGINT, as shells report it. */
const INTERRUPTED = 130;

export type DemoOptions = {
  /** Take everything down after the demonstration instead of staying up. */
  readonly once: boolean;
  /** 1 to 8. Default 2. */
  readonly nodes?: number;
  readonly only?: readonly string[];
  readonly rounds?: number;
  /** Every claim with what was seen, not only those that did not hold. */
  readonly verbose?: boolean;
  readonly write?: (text: string) => void;
};

function whatNext({ kubeconfig, backendIp, page }: { kubeconfig: string; backendIp: string; page: string }): string {
  return `
The sandbox is up. While every claim is tried here, and until Ctrl-C, in another terminal:

  export KUBECONFIG=${kubeconfig}
  xdg-open ${page}    # who talks to whom, and why not
  kubectl get pods -A -o wide
  kubectl -n tenant-a label pod other role=frontend --overwrite    # lets it in
  ./membrane observe --follow --verdict dropped
  ./membrane policy trace --from tenant-b/frontend --to tenant-a/backend --port 8080
  ./membrane sandbox exec tenant-a/frontend -- socat - TCP:${backendIp}:8080
  ./membrane sandbox attack --only chaos
  ./membrane sandbox attack --only loopback --only node-port --only capture
  ./membrane service list
  ./membrane footprint
`;
}

async function hints(cluster: SandboxCluster): Promise<string> {
  const backend = await cluster.get({ resource: 'pods', namespace: 'tenant-a', name: 'backend' });
  const ip = backend === undefined ? undefined : stringAt(backend, 'status', 'podIP');
  const { kubeconfigPath: kubeconfig, pageUrl: page } = cluster;
  return whatNext({ kubeconfig, backendIp: ip ?? 'BACKEND-IP', page });
}

/** Waits in small portions, so that an interruption is not kept waiting. */
async function podsReady(cluster: SandboxCluster, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + patience(READY_TIMEOUT_MS);
  while (!signal.aborted) {
    try {
      return await cluster.waitReady({ timeoutMs: 250 });
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

/**
 * `npm start`: the sandbox with two tenants, every claim tried, and then it stays until it is interrupted. Whatever
 * happens, nothing of it is left. Exit code: 0 when every line held, 1 when one did not, 5 when one could not be tried (130 when it
 * was interrupted before).
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const write = options.write ?? ((text: string) => void process.stdout.write(text));
  selectAttacks(options.only ?? []);
  const signal = interruption();
  const { nodes = NODES } = options;
  const cluster = new SandboxCluster();
  const onProgress = (step: string): void => write(`- ${step}\n`);
  const manifests = await manifestFiles([EXAMPLE]);
  try {
    // Cleans up after itself when it fails; another sandbox on this machine is not ours to end.
    await cluster.up({ nodes, manifests, control: true, page: true, onProgress, signal });
  } catch (error) {
    if (signal.aborted) return INTERRUPTED;
    throw error;
  }
  try {
    if (signal.aborted) return INTERRUPTED;
    onProgress('waiting for the pods of both tenants');
    await podsReady(cluster, signal);
    if (signal.aborted) return INTERRUPTED;
    if (!options.once) write(await hints(cluster));
    const { only, rounds, verbose } = options;
    const code = await runAttacks({
      sandbox: cluster,
      signal,
      write,
      ...(only && { only }),
      ...(rounds && { rounds }),
      ...(verbose && { verbose }),
    });
    if (options.once || signal.aborted) return code;
    write('\nThe sandbox stays up; Ctrl-C ends it and removes everything.\n');
    await aborted(signal);
    return code;
  } catch (error) {
    if (signal.aborted) return INTERRUPTED;
    throw error;
  } finally {
    write('- taking everything down\n');
    await cluster.down();
  }
}
