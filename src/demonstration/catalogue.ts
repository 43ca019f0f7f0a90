import {
  apiServer,
  capture,
  chaos,
  crowd,
  disabledProtocols,
  flood,
  flowFlood,
  flowViews,
  footprints,
  forgedTunnel,
  intake,
  localnet,
  loopback,
  nat,
  nodeLoss,
  nodePort,
  proof,
  reach,
  revoke,
  spoof,
  staleAddress,
  survive,
  takeover,
  tenants,
  unfinished,
  unknownPod,
  unserved,
} from './acts/index.ts';
import { attackErrors } from './errors.ts';
import type { AttackLine, Stage } from './stage/index.ts';

export type AttackOptions = {
  /** Of the attacks that repeat. */
  readonly rounds?: number;
  /** Told how far an attack that takes long has come. */
  readonly onProgress?: (text: string) => void;
};

export type Attack = {
  readonly number: number;
  readonly name: string;
  readonly title: string;
  /** How many it takes. Default 1. */
  readonly nodes?: number;
  readonly run: (stage: Stage, options: AttackOptions) => AsyncGenerator<AttackLine>;
};

/** The demonstration, in its order. */
export const ATTACKS: readonly Attack[] = [
  { number: 1, name: 'reach', title: 'Who may talk to whom', run: reach },
  { number: 2, name: 'chaos', title: 'agent_of_chaos gets the address of a deleted frontend', run: chaos },
  { number: 3, name: 'spoof', title: 'A pod with CAP_NET_RAW forges frames', run: spoof },
  { number: 4, name: 'disabled', title: 'Protocols that are not enabled', run: disabledProtocols },
  { number: 5, name: 'unknown', title: 'A pod that is not known yet', run: unknownPod },
  { number: 6, name: 'revoke', title: 'Permission taken away from a connection', run: revoke },
  { number: 7, name: 'survive', title: 'The agent is killed under load', run: (stage) => survive(stage) },
  { number: 8, name: 'footprint', title: 'What is loaded into the kernel', run: footprints },
  {
    number: 9,
    name: 'localnet',
    title: 'Control: a node with kube-proxy and route_localnet, without Membrane',
    run: localnet,
  },
  { number: 10, name: 'loopback', title: "A server on the node's 127.0.0.1", run: loopback },
  { number: 11, name: 'node-port', title: 'A node port, from everywhere', run: nodePort },
  { number: 12, name: 'capture', title: 'A Service with addresses of others', run: capture },
  { number: 13, name: 'nat', title: 'Connections of another tenant with the outside', run: nat },
  { number: 14, name: 'unserved', title: 'Addresses of services that nobody serves', run: unserved },
  { number: 15, name: 'intake', title: 'A policy that the agent cannot read, and one of another family', run: intake },
  { number: 16, name: 'crowd', title: 'Huge policies of one tenant, a default deny of another', run: crowd },
  { number: 17, name: 'unfinished', title: 'A pod has the kernel write into its packets', run: unfinished },
  { number: 18, name: 'takeover', title: 'A tenant fills the table of backends', run: takeover },
  {
    number: 19,
    name: 'stale',
    title: 'agent_of_chaos gets the address of a deleted pod while an agent elsewhere cannot hear of it',
    nodes: 2,
    run: staleAddress,
  },
  { number: 20, name: 'tunnel', title: 'Packets between nodes, forged', nodes: 2, run: forgedTunnel },
  { number: 21, name: 'api-server', title: 'The API server stops for a while', run: apiServer },
  {
    number: 22,
    name: 'node-loss',
    title: 'A node joins, is cut off, comes back, and is removed',
    nodes: 2,
    run: nodeLoss,
  },
  { number: 23, name: 'tenants', title: 'Two tenants whose policies allow everything', run: tenants },
  { number: 24, name: 'flood', title: 'A tenant opens as much as it can, beside another', run: flood },
  { number: 25, name: 'flow-views', title: 'The operator and two tenants look at the same moment', run: flowViews },
  { number: 26, name: 'flow-flood', title: 'A pod floods whoever looks', run: flowFlood },
  { number: 27, name: 'proof', title: 'A row that somebody writes into the kernel', run: proof },
];

/** By name or number; all when nothing is named. Throws E_ATTACK_UNKNOWN. */
export function selectAttacks(only: readonly string[]): readonly Attack[] {
  if (only.length === 0) return ATTACKS;
  const fits = (attack: Attack, wish: string) => attack.name === wish || String(attack.number) === wish;
  const unknown = only.find((wish) => !ATTACKS.some((attack) => fits(attack, wish)));
  if (unknown !== undefined) {
    const known = ATTACKS.map((attack) => `${attack.number} or ${attack.name}`).join(', ');
    throw attackErrors.make('E_ATTACK_UNKNOWN', { detail: `${unknown}; there are ${known}` });
  }
  return ATTACKS.filter((attack) => only.some((wish) => fits(attack, wish)));
}
