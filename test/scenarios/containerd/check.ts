import { readFileSync } from 'node:fs';
import type { ContainerdLab, CriPod } from './lab.ts';

/** What libcni keeps of an attachment, for CHECK and DEL. */
type Kept = {
  /** Base64. */
  readonly config: string;
  readonly cniArgs: readonly (readonly [string, string])[];
  readonly result: object;
};

/** CHECK of a pod with what the runtime has kept, as one asks it that does (containerd does not). Empty: all is well. */
export async function checkPod({ node }: ContainerdLab, { sandbox, netns }: CriPod): Promise<string> {
  const kept = JSON.parse(readFileSync(node.path(`/var/lib/cni/results/membrane-${sandbox}-eth0`), 'utf8')) as Kept;
  const { plugins, ...list } = JSON.parse(Buffer.from(kept.config, 'base64').toString()) as { plugins: [object] };
  const request = JSON.stringify({ ...list, ...plugins[0], prevResult: kept.result });
  const variables = {
    CNI_COMMAND: 'CHECK',
    CNI_CONTAINERID: sandbox,
    CNI_NETNS: netns,
    CNI_IFNAME: 'eth0',
    CNI_PATH: '/opt/cni/bin',
    CNI_ARGS: kept.cniArgs.map((pair) => pair.join('=')).join(';'),
  };
  const pairs = Object.entries(variables).map(([key, value]) => `${key}=${value}`);
  const plugin = 'printf %s "$1" | /opt/cni/bin/membrane-cni';
  const { code, stdout } = await node.attempt('env', ...pairs, 'sh', '-c', plugin, 'sh', request);
  if (code === 0) return '';
  const { msg, details } = JSON.parse(stdout) as { msg: string; details: string };
  return `${msg}: ${details}`;
}
