import { existsSync, readFileSync } from 'node:fs';
import { arch, release } from 'node:os';
import { delimiter, join } from 'node:path';
import type { ApiClient, Check, Finding } from '../api/index.ts';
import { errorMessage, isMembraneError } from '../base/index.ts';
import type { Agents, Told } from './agents.ts';

const MIN_KERNEL = [6, 6] as const;

/** What can be seen of this machine without the agent. What is missing is critical: the agent does not run without it. */
export function machineFindings(): Finding[] {
  return [
    need('root', process.geteuid?.() === 0, 'runs as root', [
      'does not run as root',
      'Run this as root: eBPF needs it.',
    ]),
    kernelFinding(release()),
    need('architecture', ['x64', 'arm64'].includes(arch()), arch(), [
      arch(),
      'Use x64 or arm64: the datapath is built for 64-bit little-endian machines.',
    ]),
    need('btf', existsSync('/sys/kernel/btf/vmlinux'), 'the kernel describes its types', [
      '/sys/kernel/btf/vmlinux is missing',
      'Use a kernel with CONFIG_DEBUG_INFO_BTF.',
    ]),
    bpffsFinding(readFileSync('/proc/self/mounts', 'utf8')),
    need(
      'cgroup2',
      existsSync('/sys/fs/cgroup/cgroup.controllers') || existsSync('/sys/fs/cgroup/unified/cgroup.controllers'),
      'mounted',
      ['the unified cgroup hierarchy is not mounted at /sys/fs/cgroup', 'mount -t cgroup2 cgroup2 /sys/fs/cgroup'],
    ),
    need('ip', inPath('ip'), 'the command "ip" is there', ['the command "ip" is missing', 'Install iproute2.']),
  ];
}

/** The agents' own checks and what they find at their nodes. That none runs here is no fault; that one does not answer is. */
export async function agentFindings(connectAll: () => Promise<Agents>): Promise<Told<Finding>[]> {
  let agents: Agents;
  try {
    agents = await connectAll();
  } catch (error) {
    if (!isMembraneError(error, 'E_CLI_NO_AGENT')) return [unanswered(error)];
    const evidence = 'none runs here: only the machine was looked at, not the node';
    return [{ severity: 'info', check: 'agent', evidence, remedy: error.remedy }];
  }
  const silent = agents.silent.map((node) => unanswered(new Error(`the agent of ${node} does not answer`)));
  const found = await agents.rows(
    async (agent) => await findingsOf(agent).catch((error: unknown) => [unanswered(error)]),
  );
  return [...silent, ...found];
}

async function findingsOf(agent: ApiClient): Promise<Finding[]> {
  const status = await agent.status();
  const wait = 'See "membrane status" and the agent\'s log for what it waits for.';
  return [
    need('agent', status.ready, `${status.version} on ${status.node} is ready`, [`${status.node} is not ready`, wait]),
    ...status.checks.map(statusFinding),
    ...(await agent.doctor()).findings,
  ];
}

function unanswered(error: unknown): Finding {
  const remedy = isMembraneError(error) ? error.remedy : "See the agent's log.";
  return { severity: 'critical', check: 'agent', evidence: errorMessage(error), remedy };
}

function statusFinding({ name, ok, detail }: Check): Finding {
  return need(`agent: ${name}`, ok, detail, [detail, "See the agent's log."]);
}

export function kernelFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isNew = major > MIN_KERNEL[0] || (major === MIN_KERNEL[0] && minor >= MIN_KERNEL[1]);
  return need('kernel', isNew, version, [version, `Use Linux ${MIN_KERNEL.join('.')} or newer: it has tcx links.`]);
}

/** `mounts`: as /proc/self/mounts. */
export function bpffsFinding(mounts: string): Finding {
  const lines = mounts.split('\n').map((line) => line.split(' '));
  const isMounted = lines.some(([, path, type]) => path === '/sys/fs/bpf' && type === 'bpf');
  return need('bpffs', isMounted, 'mounted at /sys/fs/bpf', ['not mounted', 'mount -t bpf bpf /sys/fs/bpf']);
}

function inPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}

/** `bad`: what is found instead, and what to do. */
function need(check: string, isThere: boolean, good: string, [evidence, remedy]: readonly [string, string]): Finding {
  return isThere ? { severity: 'ok', check, evidence: good } : { severity: 'critical', check, evidence, remedy };
}
