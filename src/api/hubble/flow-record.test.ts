import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FLOW_HOOKS, FLOW_TYPES, type Flow, TCP_FLAGS } from '../../model/index.ts';
import { flowMessage } from './flow-message.ts';
import { flowRecord } from './flow-record.ts';

const port = fc.integer({ min: 1, max: 65_535 });
const end = fc.record({
  addr: fc.ipV4(),
  port,
  identity: fc.integer({ min: 1, max: 1 << 24 }),
  labels: fc.constantFrom<readonly string[]>([], ['k8s:app=web'], ['reserved:world']),
  namespace: fc.constantFrom('a', 'b'),
  pod: fc.constantFrom('p', 'q'),
  endpoint: fc.integer({ min: 1, max: 4_095 }),
});
const policy = 'NetworkPolicy a/b';

/** Every field that there is: one more is to be carried, too. */
const flows: fc.Arbitrary<Required<Flow>> = fc.record({
  time: fc.integer({ min: 0, max: 2 ** 41 }),
  node: fc.constantFrom('node-1', 'n.example'),
  type: fc.constantFrom(...FLOW_TYPES),
  verdict: fc.constantFrom('forwarded', 'dropped'),
  dropReason: fc.constantFrom('policy-ingress', 'no-backend'),
  direction: fc.constantFrom('ingress', 'egress'),
  source: end,
  destination: end,
  protocol: fc.constant('TCP'),
  tcpFlags: fc.subarray([...TCP_FLAGS]),
  rules: fc.constantFrom({}, { ingress: `${policy}, ingress rule 0` }, { egress: `${policy}, egress rule 1` }),
  denial: fc.record({
    direction: fc.constantFrom('ingress', 'egress'),
    by: fc.constantFrom('policies', 'enforcement', 'rule', 'closed', 'changed'),
    policies: fc.constantFrom<readonly string[]>([], [policy]),
    reason: fc.constant('denied by default'),
    judged: fc.constantFrom('then', 'later'),
    nearestMiss: fc.constant({ policy, rule: 'ingress rule 1', wants: 'port 9090', because: 'port is 80' }),
  }),
  shadow: fc.constantFrom(
    { change: 'would-drop', by: 'tenant', reason: 'tenant-boundary', text: 'apart' } as const,
    {
      change: 'would-allow',
      by: 'policy',
      reason: 'policy-ingress',
      text: 'by',
      policies: ['NetworkPolicy a/b'],
    } as const,
  ),
  isReply: fc.boolean(),
  length: fc.nat(65_535),
  ifindex: fc.nat(4_000),
  hook: fc.constantFrom(...FLOW_HOOKS),
});

it('a flow is to relay and page what it was on its node', () => {
  fc.assert(
    fc.property(flows, (flow) => {
      expect(flowRecord(flowMessage(flow, 'default'))).toEqual(flow);
    }),
  );
});
