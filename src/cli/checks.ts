import { existsSync, readFileSync } from 'node:fs';
import { arch, release } from 'node:os';
import { delimiter, join } from 'node:path';
import type { ApiClient, Check } from '../api/index.ts';
import { errorMessage, isMembraneError } from '../base/index.ts';

const MIN_KERNEL = [6, 6] as const;

/** What can be seen of this machine without the agent. */
export function machineChecks(): Check[] {
  return [
    check('root', process.geteuid?.() === 0, 'runs as root', 'run this as root: eBPF needs it'),
    kernelCheck(release()),
    check(
      'architecture',
      ['x64', 'arm64'].includes(arch()),
      arch(),
      `${arch()}: the datapath is built for 64-bit little-endian machines`,
    ),
    check(
      'btf',
      existsSync('/sys/kernel/btf/vmlinux'),
      'the kernel describes its types',
      '/sys/kernel/btf/vmlinux is missing: use a kernel with CONFIG_DEBUG_INFO_BTF',
    ),
    mountCheck('bpffs', '/sys/fs/bpf', 'bpf'),
    check(
      'cgroup2',
      existsSync('/sys/fs/cgroup/cgroup.controllers') || existsSync('/sys/fs/cgroup/unified/cgroup.controllers'),
      'mounted',
      'the unified cgroup hierarchy is not mounted at /sys/fs/cgroup',
    ),
    check('ip', inPath('ip'), 'iproute2 is installed', 'the command "ip" is missing: install iproute2'),
  ];
}

/** The agent's own checks. That none runs here is no fault; that one runs and does not answer is. */
export async function agentChecks(connect: () => Promise<ApiClient>): Promise<Check[]> {
  try {
    const status = await (await connect()).status();
    return [
      check(
        'agent',
        status.ready,
        `${status.version} on ${status.node} is ready`,
        `the agent of ${status.node} is not ready`,
      ),
      ...status.checks.map((one) => ({ ...one, name: `agent: ${one.name}` })),
    ];
  } catch (error) {
    if (isMembraneError(error, 'E_CLI_NO_AGENT')) return [{ name: 'agent', ok: true, detail: 'none runs here' }];
    const detail = isMembraneError(error) ? `${error.message}. ${error.remedy}` : errorMessage(error);
    return [{ name: 'agent', ok: false, detail }];
  }
}

export function kernelCheck(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const ok = major > MIN_KERNEL[0] || (major === MIN_KERNEL[0] && minor >= MIN_KERNEL[1]);
  return check('kernel', ok, version, `${version} is older than ${MIN_KERNEL.join('.')}, which tcx links need`);
}

function mountCheck(name: string, path: string, type: string): Check {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const mounted = mounts.some((line) => line.split(' ')[1] === path && line.split(' ')[2] === type);
  return check(name, mounted, `mounted at ${path}`, `not mounted: mount -t ${type} ${type} ${path}`);
}

function inPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}

function check(name: string, ok: boolean, good: string, bad: string): Check {
  return { name, ok, detail: ok ? good : bad };
}
