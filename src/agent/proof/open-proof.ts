import type { Config } from '../../datapath/index.ts';
import type { EndpointRecord } from '../../endpoint/index.ts';
import type { Plane } from '../../plane/index.ts';
import type { AgentNode } from '../node/index.ts';
import { Verifier } from './verify.ts';

type ProofParts = {
  readonly plane: Plane;
  /** Of the programs at the pod's device. */
  readonly configOf: (record: EndpointRecord) => Config;
};

/** Who proves what holds on this node. */
export function openProof(node: AgentNode, { plane, configOf }: ProofParts): Verifier {
  const { config, kernel } = node;
  const { prover, endpoints, repository } = plane;
  const { specs, maps, base } = kernel;
  return new Verifier({
    nodeName: config.nodeName,
    prover,
    endpoints,
    policyCount: () => repository.policyCount,
    specs,
    maps,
    base,
    configOf,
  });
}
