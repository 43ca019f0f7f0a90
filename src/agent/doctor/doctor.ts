import type { DoctorReport } from '../../api/index.ts';
import type { PodRow } from '../../model/index.ts';
import type { LintFinding } from '../../policy/index.ts';
import { type Ports, proxyFacts } from '../node/index.ts';
import { apiFacts } from './api-facts.ts';
import type { ProbeTarget } from './api-probe.ts';
import { hookFacts, type WatchedDevice } from './hook-facts.ts';
import { judgeAdmission } from './judge-admission.ts';
import { judgeApi } from './judge-api.ts';
import { judgeDatapath } from './judge-datapath.ts';
import { judgeExport } from './judge-export.ts';
import { judgeHooks } from './judge-hooks.ts';
import { judgeLint } from './judge-lint.ts';
import { judgeMaps, type MapFill } from './judge-maps.ts';
import { judgeOverlay, type OverlayFacts } from './judge-overlay.ts';
import { judgePods } from './judge-pods.ts';
import { type ClosedPolicy, judgePolicies } from './judge-policies.ts';
import { judgePorts } from './judge-ports.ts';
import { judgeProof } from './judge-proof.ts';
import { judgeProxy } from './judge-proxy.ts';
import { judgeServices } from './judge-services.ts';
import { judgeSockets } from './judge-sockets.ts';
import { judgeSysctls } from './judge-sysctls.ts';
import { section } from './section.ts';
import { type SocketPlace, socketFacts } from './socket-facts.ts';
import { readSysctls } from './sysctls.ts';

export type DoctorOptions = {
  readonly pinDir: string;
  /** The node's own that lead out of it, by name. */
  readonly nodeDevices: () => ReadonlyMap<string, WatchedDevice>;
  /** Host ends of the pods that are connected, by name. */
  readonly podDevices: () => ReadonlyMap<string, WatchedDevice>;
  readonly pods: () => readonly PodRow[];
  readonly policies: () => readonly ClosedPolicy[];
  /** What of policies and of what they are about is hardly meant. */
  readonly lint: () => readonly LintFinding[];
  readonly maps: () => Promise<readonly MapFill[]>;
  /** How what runs in the kernel differs from what should. */
  readonly datapath: () => readonly string[];
  /** What the last proof of this node says: its alarms, or how old it is. */
  readonly proof: () => { readonly problems: readonly string[]; readonly fine: string };
  /** Of the file that flows are written to. */
  readonly flowExport: () => { readonly problems: readonly string[]; readonly fine: string };
  readonly sockets: () => Omit<SocketPlace, 'pinDir'>;
  readonly apiServer: ProbeTarget;
  /** Whether the API server would take from this agent what a node tells that it is not. */
  readonly mayForge: () => Promise<boolean>;
  /** Undefined: pods of other nodes are not reached through a tunnel. */
  readonly overlay: () => OverlayFacts | undefined;
  /** In force; undefined: nothing is masqueraded. */
  readonly masqueradePorts: Ports | undefined;
  /** Why services have less than they want; undefined: services are off. */
  readonly refusedServices: () => ReadonlyMap<string, string> | undefined;
};

/** Looks at this node for what weakens Membrane. Changes nothing, and keeps nothing between two looks. */
export class Doctor {
  readonly #o: DoctorOptions;
  #running: Promise<DoctorReport> | undefined;

  constructor(options: DoctorOptions) {
    this.#o = options;
  }

  /** Who asks while a look is under way gets the same one: it opens connections. */
  async examine(): Promise<DoctorReport> {
    this.#running ??= this.#examine().finally(() => {
      this.#running = undefined;
    });
    return await this.#running;
  }

  async #examine(): Promise<DoctorReport> {
    const { pinDir, pods, policies, maps, sockets, apiServer, masqueradePorts } = this.#o;
    const nodeDevices = this.#o.nodeDevices();
    const podDevices = this.#o.podDevices();
    const devices = [...nodeDevices.values(), ...podDevices.values()];
    const sections = await Promise.all([
      section('sysctls', async () =>
        judgeSysctls({
          sysctls: readSysctls(),
          podDevices: new Set(podDevices.keys()),
          nodeDevices: new Set(nodeDevices.keys()),
        }),
      ),
      section('masquerade ports', async () => judgePorts(masqueradePorts)),
      section('API server', async () => judgeApi(await apiFacts(apiServer))),
      section('admission', async () => judgeAdmission(await this.#o.mayForge())),
      section('overlay', async () => judgeOverlay(this.#o.overlay())),
      section('kube-proxy', async () => judgeProxy(await proxyFacts(), sockets(), pods())),
      section('pods', async () => judgePods(pods())),
      section('policies', async () => judgePolicies(policies())),
      section('policy lint', async () => judgeLint(this.#o.lint())),
      section('hooks', async () => judgeHooks(await hookFacts(devices, pinDir))),
      section('socket hooks', async () => judgeSockets(socketFacts({ ...sockets(), pinDir }))),
      section('services', async () => judgeServices(this.#o.refusedServices())),
      section('datapath', async () => judgeDatapath(this.#o.datapath())),
      section('proof', async () => judgeProof(this.#o.proof())),
      section('flow export', async () => judgeExport(this.#o.flowExport())),
      section('maps', async () => judgeMaps(await maps())),
    ]);
    return { findings: sections.flat() };
  }
}
