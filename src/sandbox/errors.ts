import { errorTable } from '../base/index.ts';

export const sandboxErrors = errorTable({
  E_SANDBOX_COMMAND: {
    what: 'a system command failed',
    remedy: 'Read its output; a missing program is installed by `npm start` or with apt.',
  },
  E_SANDBOX_NOT_ROOT: {
    what: 'the sandbox makes network namespaces and loads eBPF programs, which only root may',
    remedy: 'Run the command again with sudo.',
  },
  E_SANDBOX_NOT_BUILT: {
    what: 'the programs that a sandbox runs are not built, or of other sources',
    remedy: 'Build them with `npm run build`; `npm start` does that by itself.',
  },
  E_SANDBOX_RUNNING: {
    what: 'a sandbox is running on this machine already',
    remedy: 'Use it, end it with `membrane sandbox down`, or start another beside it: `membrane sandbox up --name X`.',
  },
  E_SANDBOX_NOT_RUNNING: {
    what: 'no sandbox is running on this machine',
    remedy: 'Start one with `membrane sandbox up`.',
  },
  E_SANDBOX_CGROUP: {
    what: 'there is no writable cgroup v2 hierarchy',
    remedy: 'Mount one: mount -t cgroup2 none /sys/fs/cgroup/unified.',
  },
  E_SANDBOX_NODES: { what: 'not a possible number of nodes', remedy: 'Ask for 1 to 8 nodes.' },
  E_SANDBOX_MANIFEST: {
    what: 'the manifest cannot be applied',
    remedy: 'Correct the object that is named; nothing after it was applied.',
  },
  E_SANDBOX_IMAGE_MAP: {
    what: 'the image map cannot be read',
    remedy: 'It is a YAML map of image patterns to commands, as docs/SANDBOX.md shows.',
  },
  E_SANDBOX_NO_POD: {
    what: 'there is no such running pod',
    remedy: 'See `kubectl get pods -A` for names and whether they run.',
  },
  E_SANDBOX_UNSAFE_NAME: {
    what: 'a name is not safe to use in a path',
    remedy: 'Names are letters, digits, "-", "_" and "."; never "..".',
  },
  E_SANDBOX_CNI_CONFIG: {
    what: 'the CNI network configuration is not valid',
    remedy: 'Correct the network list that it names; plugin types are plain file names.',
  },
  E_SANDBOX_TIMEOUT: {
    what: 'the sandbox did not become ready in time',
    remedy: 'See `kubectl describe` of what is named, and the logs under /run/membrane-sandbox.',
  },
});
