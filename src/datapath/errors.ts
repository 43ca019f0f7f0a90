import { errorTable } from '../base/index.ts';

export const datapathErrors = errorTable({
  E_DATAPATH_PERMISSION: {
    what: 'the kernel refused a BPF operation for lack of privilege',
    remedy: 'Run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON.',
  },
  E_DATAPATH_FEATURE: {
    what: 'the kernel lacks a feature that the datapath needs',
    remedy: 'Use Linux 6.6 or newer with CONFIG_BPF_SYSCALL, CONFIG_NET_CLS_BPF and CONFIG_DEBUG_INFO_BTF.',
  },
  E_DATAPATH_LIBBPF: {
    what: 'libbpf could not be loaded',
    remedy: 'Install the package libbpf1 (libbpf.so.1, 1.1 or newer).',
  },
  E_DATAPATH_OBJECT: {
    what: 'a BPF object file could not be used',
    remedy: 'Build the datapath again with `npm run build`.',
  },
  E_DATAPATH_LAYOUT: {
    what: 'a BPF object was built from other shared layouts than this program',
    remedy: 'Run `npm run build` and `npm run gen`, so that both come from the same bpf/lib headers.',
  },
  E_DATAPATH_VERIFIER: {
    what: 'the kernel refused a program',
    remedy: 'Report this with the full verifier log, which the error carries.',
  },
  E_DATAPATH_LOAD: {
    what: 'a BPF object could not be loaded',
    remedy: 'See the cause; `membrane doctor` checks the kernel for what is needed.',
  },
  E_DATAPATH_MAP_FULL: {
    what: 'a kernel map is full',
    remedy: 'Raise its size under `maps` in the configuration and restart the agent, or reduce what is stored in it.',
  },
  E_DATAPATH_MAP_MISMATCH: {
    what: 'a pinned map has another shape than this program needs',
    remedy: 'Restart the agent: it makes maps of another size or layout anew beside the old ones, and moves over.',
  },
  E_DATAPATH_MAP: {
    what: 'an operation on a kernel map failed',
    remedy: 'See the cause; restart the agent if the map was removed under it.',
  },
  E_DATAPATH_PIN: {
    what: 'a pin in the BPF file system could not be used',
    remedy: 'Check that the directory is on a mounted bpffs and belongs to this node alone.',
  },
  E_DATAPATH_ATTACH: {
    what: 'a program could not be attached',
    remedy: 'Check with `bpftool net` what else is attached to the device.',
  },
  E_DATAPATH_ATTACH_ORDER: {
    what: 'another program runs before ours on a device of a pod',
    remedy: 'Detach the other program: packets that it answers itself would never be judged.',
  },
  E_DATAPATH_NETLINK: {
    what: 'the kernel refused a change of the network configuration',
    remedy: 'See the cause; another process may have changed the same device.',
  },
  E_DATAPATH_NETNS: {
    what: 'a network namespace could not be entered',
    remedy: 'Check that the path names a network namespace that still exists.',
  },
  E_DATAPATH_SYSCALL: { what: 'a system call failed', remedy: 'See the cause.' },
});
