import { errorTable } from '../base/index.ts';

export const agentErrors = errorTable({
  E_AGENT_CONFIG: {
    what: 'the configuration is not valid',
    remedy:
      'Correct the file, the flag or the variable; `membrane agent --help-config` and docs/CONFIG.md have every key.',
  },
  E_AGENT_CONFIG_FILE: {
    what: 'the configuration cannot be read',
    remedy: 'Give the path of a YAML or JSON file with --config.',
  },
  E_AGENT_ROOT: { what: 'the agent needs root', remedy: 'Run it as root: it loads programs and makes devices.' },
  E_AGENT_RUNNING: {
    what: 'another agent serves this node',
    remedy: 'Stop it first, or give this one a stateDir and a pinDir of its own.',
  },
  E_AGENT_UPLINK: {
    what: 'the uplink cannot be determined',
    remedy: 'Set "uplink" to the name of the device that leads out of the node.',
  },
  E_AGENT_CGROUP: {
    what: '"cgroup" names what no cgroup v2 can be at',
    remedy:
      'Set "cgroup" to a directory of a mounted cgroup v2, or leave it out; "grep cgroup2 /proc/mounts" says where one is.',
  },
  E_AGENT_DEVICES: {
    what: '"devices" names a device that is not there',
    remedy: 'Correct "devices", or make the device first, or leave it out: then every device is guarded as it comes.',
  },
  E_AGENT_SOCKET: {
    what: 'a socket of the agent cannot be made',
    remedy: 'Set "cniSocket", "adminSocket" and "hubbleSocket" to different paths in directories that belong to root.',
  },
  E_AGENT_CNI_FILES: {
    what: 'the files for the container runtime cannot be put in place',
    remedy:
      'Run `membrane cni install` as root, with --bin-dir and --conf-dir as the container runtime has them; `npm run build` makes the plugin.',
  },
  E_AGENT_EXPORT: {
    what: 'flowExport or otlp asks for what flows cannot be chosen by',
    remedy:
      "Correct allow and deny of flowExport or otlp, which are filters as Hubble writes them in JSON, or their list of fields: paths like 'source.pod_name' (docs/OBSERVING.md).",
  },
  E_AGENT_EXPORT_FILE: {
    what: 'flows are written to a file of their own only',
    remedy: 'Set "flowExport.file" to a path in a directory that belongs to root, and that only root may write in.',
  },
  E_AGENT_OTLP_PLAIN: {
    what: 'flows would go over the network in plain text',
    remedy:
      'Give "otlp.endpoint" an https:// address, or the IP address of a collector on loopback; or set "otlp.allowPlainText" where nobody is on the way.',
  },
  E_AGENT_PROGRAMS: {
    what: "a pod's programs are not what they should be",
    remedy: 'Look with `bpftool net` and `bpftool link` who else changes programs or pins on this node.',
  },
  E_AGENT_NETNS: {
    what: 'not the network namespace of a pod',
    remedy: "CNI_NETNS must name a network namespace that is not the node's own.",
  },
  E_AGENT_NOT_FOUND: {
    what: 'there is no such thing',
    remedy: 'Look at "membrane endpoint list", "membrane service list" and "membrane identity list".',
  },
  E_AGENT_NOT_JUDGED: {
    what: 'Membrane does not judge this connection',
    remedy: 'Ask for one that a pod opens or receives, also through a service or a node port.',
  },
  E_AGENT_PROPOSAL: {
    what: 'this is no policy that could be in force',
    remedy: 'Correct the file: `kubectl apply --dry-run=server -f FILE` says the same.',
  },
  E_AGENT_TOO_MUCH: {
    what: 'this asks about more pairs than one answer may be about',
    remedy: 'Ask about one namespace or pod at a time, or about tenants: `membrane verify` without --from and --to.',
  },
  E_AGENT_TOO_LITTLE: {
    what: 'what was seen says too little to suggest policies by',
    remedy: 'Ask for a shorter time with --since, or take it for all that there is with --partial.',
  },
  E_AGENT_STATE: {
    what: 'the state directory cannot be used',
    remedy: 'It must be a directory that belongs to root, on a file system with space.',
  },
});
