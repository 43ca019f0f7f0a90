import { join } from 'node:path';
import type { Logger } from '../../base/index.ts';
import { type Pod, podKey } from '../client/index.ts';
import { Kubelet } from '../kubelet/index.ts';
import { type Cgroup, CLUSTER_DNS_IP, CLUSTER_DOMAIN, type NodePlace, REPOSITORY } from '../machine/index.ts';
import type { ApiAccess } from './api-access.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Holds } from './holds.ts';
import { NodeAgent } from './node-agent.ts';
import { NETWORK_LIST, type SandboxOptions } from './sandbox-options.ts';

export type SandboxNodeOptions = {
  readonly place: NodePlace;
  readonly plane: ControlPlane;
  /** The node's own. */
  readonly cgroup: Cgroup;
  /** By `namespace/name`: pods whose network waits. */
  readonly holds: Holds;
  readonly sandbox: SandboxOptions;
  readonly log: Logger;
};

/** One node: its kubelet in this process, and its agent as a process of its own. */
export class SandboxNode {
  readonly place: NodePlace;
  readonly kubelet: Kubelet;
  readonly agent: NodeAgent;

  constructor({ place, plane, cgroup, holds, sandbox, log }: SandboxNodeOptions) {
    this.place = place;
    this.kubelet = new Kubelet({
      node: place,
      store: plane.store,
      pods: plane.pods,
      log,
      cgroup,
      cniBinDir: sandbox.cni?.binDir ?? join(REPOSITORY, 'build'),
      networkList: sandbox.cni?.networkList ?? NETWORK_LIST,
      imageMap: sandbox.imageMap,
      clusterDns: CLUSTER_DNS_IP,
      clusterDomain: CLUSTER_DOMAIN,
      issueToken: (account, request) => plane.api.tokens.issue(account, request),
      restartDelay: sandbox.restartDelay,
      beforeNetwork: async (pod: Pod, netns: string) => {
        await sandbox.beforeNetwork?.(pod, netns);
        await holds.pass(podKey(pod));
      },
    });
    const { agentConfig: config, logLevel } = sandbox;
    const alone = (sandbox.nodes ?? 1) === 1;
    this.agent = new NodeAgent({ node: place, cgroup, alone, log, config, logLevel });
  }

  /** `access`: as whom its agent speaks to the API; without it there is no agent. */
  async start(access: ApiAccess | undefined): Promise<void> {
    await this.kubelet.start({ waitForNetwork: access !== undefined });
    if (access === undefined) return;
    await access.admitAgent(this.place);
    await this.agent.start();
  }

  /** Ends the agent and every pod at once; nothing is detached (see `Kubelet.stop`). */
  async stop(): Promise<void> {
    await this.agent.kill('SIGKILL');
    await this.kubelet.stop();
  }
}
