import type { Finding } from '../../api/index.ts';
import { fine, some } from './finding.ts';

export type OverlayFacts = {
  /** UDP; undefined: pods of other nodes come under their own addresses (`routing: native`). */
  readonly port: number | undefined;
  /** Names of the other nodes. */
  readonly peers: readonly string[];
};

/** Who is believed that may be forged. `undefined`: packets do not go to pods of other nodes. */
export function judgeOverlay(overlay: OverlayFacts | undefined): Finding[] {
  const check = 'overlay';
  if (overlay === undefined) return [fine(check, 'no tunnel: what says that it is a packet of one is dropped')];
  const { port, peers } = overlay;
  if (peers.length === 0) return [fine(check, 'there is no other node')];
  if (port === undefined) {
    return [
      {
        severity: 'info',
        check,
        evidence: `with native routing whoever sends under the address of a pod of ${some(peers)} is taken for it, and what a new pod there sends is dropped here (unencapsulated) until its node has told of it`,
        remedy:
          'Set `routing: tunnel`, where packets say who sends them, or see to it that the network below lets nobody but a node send under the addresses of its pods.',
      },
    ];
  }
  return [
    {
      severity: 'info',
      check,
      evidence: `what arrives at UDP port ${port} under the address of ${some(peers)} is taken for that node's and may speak for its pods: nodes do not encrypt`,
      remedy:
        'See to it that the network below lets nobody else send under the address of a node (source filters, port security), nor to that port of nodes (security groups).',
    },
  ];
}
