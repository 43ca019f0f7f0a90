import type { Logger, LogLevel } from '../../base/index.ts';
import type { ImageTable, KubeletOptions } from '../kubelet/index.ts';

/** What every pod of the sandbox is connected with, unless a test brings its own plugin. */
export const NETWORK_LIST = JSON.stringify({
  cniVersion: '1.1.0',
  name: 'membrane',
  plugins: [{ type: 'membrane-cni', capabilities: { ips: true } }],
});

export type SandboxOptions = {
  /** 1 to 8. Default 1. */
  readonly nodes?: number;
  /** Paths of YAML files that are applied once the nodes are there. */
  readonly manifests?: readonly string[];
  /** Start an agent on every node. Default true. */
  readonly agent?: boolean;
  /** Serve names in pods of kube-system. Default: as there are agents, for without them nobody reaches a service. */
  readonly dns?: boolean;
  /** Port of the API server on 127.0.0.1 of the machine. Default 6443, or a free one when that is taken. */
  readonly port?: number;
  /** Default: JSON lines in `sandbox.log` of the state folder. */
  readonly log?: Logger;
  /** Of agents, and of the default log. Default info. */
  readonly logLevel?: LogLevel;
  /** Merged over the configuration of every agent. */
  readonly agentConfig?: Readonly<Record<string, unknown>>;
  /** Merged over that of the operator, which runs where agents do. */
  readonly operatorConfig?: Readonly<Record<string, unknown>>;
  readonly onProgress?: (step: string) => void;
  /** Gives `up` up at its next step; what was made is removed. */
  readonly signal?: AbortSignal;
  /** For tests: another plugin in place of ours. */
  readonly cni?: { readonly binDir: string; readonly networkList: string };
  /** What images stand for, before what is built in (see parseImageMap). */
  readonly imageMap?: ImageTable;
  readonly restartDelay?: KubeletOptions['restartDelay'];
  /** Take orders of other processes of root (see RemoteSandbox). Default false. */
  readonly control?: boolean;
  /** Serve the page that shows flows, at 127.0.0.1:4280 or a free port. Default false. */
  readonly page?: boolean;
  /** For experiments: called when a pod's network namespace is there and before the CNI plugin runs. */
  readonly beforeNetwork?: KubeletOptions['beforeNetwork'];
};
