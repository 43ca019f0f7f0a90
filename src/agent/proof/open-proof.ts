import type { Config } from '../../datapath/index.ts';
import type { EndpointRecord } from '../../endpoint/index.ts';
import type { Plane } from '../../plane/index.ts';
import type { AgentNode } from '../node/index.ts';
import { IneffectiveRules } from './ineffective-rules.ts';
import { ProofTeller, type ProofTellerOptions } from './proof-teller.ts';
import { ProofWatch } from './proof-watch.ts';
import { Verifier } from './verify.ts';

type ProofParts = {
  readonly plane: Plane;
  /** Of the programs at the pod's device. */
  readonly configOf: (record: EndpointRecord) => Config;
} & Pick<ProofTellerOptions, 'store' | 'limited'>;

export type Proofs = { readonly verifier: Verifier; readonly watch: ProofWatch };

/** Who proves what holds on this node. */
export function openProof(node: AgentNode, { plane, configOf, store, limited }: ProofParts): Proofs {
  const { config, kernel, registry, clock, log } = node;
  const { prover, endpoints, engine, repository, intent, floor, problems, cluster } = plane;
  const { specs, maps, base } = kernel;
  const verifier = new Verifier({
    nodeName: config.nodeName,
    prover,
    endpoints,
    policyCount: () => repository.policyCount,
    specs,
    maps,
    base,
    configOf,
  });
  const own = () => {
    const row = intent.nodes.rows.values().find(({ name }) => name === config.nodeName);
    return row && { name: row.name, uid: row.uid };
  };
  const rules = new IneffectiveRules({
    intent,
    elsewhere: cluster.elsewhere,
    repository,
    floor,
    problems,
    cluster: config.clusterName,
    now: () => clock.now(),
  });
  const ineffective = async () => await rules.look();
  const teller = new ProofTeller({ store, node: own, limited, ineffective, problems, clock, log });
  const tenancy = (): object => floor.membership;
  return { verifier, watch: new ProofWatch({ verifier, engine, teller, tenancy, registry, clock, log }) };
}
