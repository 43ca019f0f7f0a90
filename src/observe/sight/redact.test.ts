import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FLOW_CHANGES,
  FLOW_HOOKS,
  FLOW_TYPES,
  type Flow,
  type FlowEnd,
  type FlowRules,
  HIDDEN_PEER,
  type PeerSight,
} from '../../model/index.ts';
import { HIDDEN_LABEL, redact } from './redact.ts';
import type { Sight } from './sight.ts';

const CASES = 10_000;

/** Of namespace `own` all may be seen, of `named` who its pods are. */
const sight: Sight = {
  all: false,
  flows: (namespace) => namespace.startsWith('own'),
  names: (namespace) => namespace.startsWith('named'),
  peers: () => HIDDEN_PEER,
};

/** The same where the tenants of `own` and `foreign` say so, and of nobody else. */
const withPeers = (seen: PeerSight): Sight => ({
  ...sight,
  peers: (own, other) => (own.startsWith('own') && other.startsWith('foreign') ? seen : HIDDEN_PEER),
});

const NETWORKS = { own: 10, foreign: 20, named: 30, other: 40 } as const;

/** A pod: the words in it are its own and nobody else's. */
const podIn = (prefix: keyof typeof NETWORKS) =>
  fc
    .record({
      n: fc.nat(0xffff),
      named: fc.boolean(),
      labelled: fc.boolean(),
      port: fc.option(fc.integer({ min: 1, max: 65_535 })),
      six: fc.boolean(),
      endpoint: fc.option(fc.integer({ min: 1, max: 4_095 })),
    })
    .map(({ n, named, labelled, port, six, endpoint }): FlowEnd => {
      const namespace = `${prefix}-${n}`;
      const of = NETWORKS[prefix];
      const isNamed = named || !labelled;
      return {
        addr: six ? `fd00:${of}::${n.toString(16)}:7` : `${of}.${n >> 8}.${n & 255}.7`,
        ...(port === null ? {} : { port }),
        identity: of * 1_000_000 + n,
        labels: labelled ? [`k8s:io.kubernetes.pod.namespace=${namespace}`, `k8s:app=word-of-${prefix}-${n}`] : [],
        ...(isNamed ? { namespace, pod: `pod-of-${prefix}-${n}` } : {}),
        ...(endpoint === null ? {} : { endpoint }),
      };
    });

const outside = fc
  .constantFrom('host', 'world', 'remote-node', 'kube-apiserver')
  .map((name): FlowEnd => ({ addr: '198.51.100.9', port: 443, identity: 2, labels: [`reserved:${name}`] }));
const unknown = fc
  .constantFrom<readonly string[]>([], ['reserved:pod-range'], ['reserved:unknown'])
  .map((labels): FlowEnd => ({ addr: '10.99.99.99', port: 40_404, identity: 99_999, labels }));

const said = (of: string) => `NetworkPolicy ${of}/policy-of-${of}, rule 0`;
const by = fc.constantFrom('policies', 'enforcement', 'rule', 'closed', 'changed');

type Made = { readonly flow: Flow; readonly mine: 'source' | 'destination' };

/** A flow between `mine` and `theirs`, with all that is said of it: by whose policies, and what of the peer they say. */
function flowOf(mine: fc.Arbitrary<FlowEnd>, theirs: fc.Arbitrary<FlowEnd>): fc.Arbitrary<Made> {
  return fc
    .record({
      mine,
      theirs,
      isSource: fc.boolean(),
      isReply: fc.boolean(),
      isDropped: fc.boolean(),
      type: fc.constantFrom(...FLOW_TYPES),
      hook: fc.constantFrom(...FLOW_HOOKS),
      direction: fc.constantFrom('ingress', 'egress'),
      by,
      hasDenial: fc.boolean(),
      hasMiss: fc.boolean(),
      shadow: fc.option(fc.constantFrom(...FLOW_CHANGES)),
      ifindex: fc.integer({ min: 1, max: 4_000 }),
    })
    .map((made): Made => {
      const [source, destination] = made.isSource ? [made.mine, made.theirs] : [made.theirs, made.mine];
      const [opener, other] = made.isReply ? [destination, source] : [source, destination];
      const nameOf = ({ namespace, labels, addr }: FlowEnd) =>
        namespace ?? labels.find((label) => label.startsWith('k8s:io'))?.split('=')[1] ?? `owner-of-${addr}`;
      const rules: FlowRules = { egress: said(nameOf(opener)), ingress: said(nameOf(other)) };
      const [subject, peer] = made.direction === 'egress' ? [opener, other] : [other, opener];
      const about = `${peer.addr} ${peer.pod ?? ''} ${peer.labels.join(' ')}`;
      const flow: Flow = {
        time: 1_000,
        node: 'node-1',
        type: made.type,
        verdict: made.isDropped ? 'dropped' : 'forwarded',
        ...(made.isDropped ? { dropReason: `policy-${made.direction}` } : {}),
        direction: made.direction,
        source,
        destination,
        protocol: 'TCP',
        tcpFlags: ['SYN'],
        rules,
        ...(made.hasDenial
          ? {
              denial: {
                direction: made.direction,
                by: made.by,
                policies: [said(nameOf(subject))],
                reason: `not allowed: ${about}`,
                ...(made.hasMiss
                  ? {
                      nearestMiss: {
                        policy: said(nameOf(subject)),
                        rule: 'r',
                        wants: `other than ${about}`,
                        because: about,
                      },
                    }
                  : {}),
              },
            }
          : {}),
        ...(made.shadow === null
          ? {}
          : {
              shadow: {
                change: made.shadow,
                by: 'policy' as const,
                reason: `policy-${made.direction}`,
                text: `by ${said(nameOf(subject))}`,
                policies: [said(nameOf(subject))],
              },
            }),
        isReply: made.isReply,
        length: 60,
        ifindex: made.ifindex,
        hook: made.hook,
      };
      return { flow, mine: made.isSource ? 'source' : 'destination' };
    });
}

/** What only `end` is, may be said of, or has said. */
function wordsOf(end: FlowEnd): readonly string[] {
  return [end.addr, end.pod, end.namespace, ...end.labels.filter((label) => !label.startsWith('reserved:'))].filter(
    (word) => word !== undefined,
  );
}

const other = (mine: 'source' | 'destination') => (mine === 'source' ? 'destination' : 'source');

describe('what is left of a flow', () => {
  it('has nothing of an end that may not be seen, but always the verdict', () => {
    fc.assert(
      fc.property(flowOf(podIn('own'), fc.oneof(podIn('foreign'), unknown)), ({ flow, mine }) => {
        const left = redact(sight, flow);
        const text = JSON.stringify(left);
        for (const word of wordsOf(flow[other(mine)])) expect(text).not.toContain(word);
        expect(text).not.toMatch(/foreign|owner-of/);
        expect(text).not.toContain(String(flow[other(mine)].identity));
        expect(left).toMatchObject({ verdict: flow.verdict, type: flow.type, [mine]: { addr: flow[mine].addr } });
        expect(left?.[other(mine)]).toMatchObject({ addr: '', labels: [HIDDEN_LABEL] });
        // The port that was opened is what he has to do with it; the one that it was opened from is not.
        const wasOpened = (other(mine) === 'destination') !== flow.isReply;
        expect(left?.[other(mine)].port).toBe(wasOpened ? flow[other(mine)].port : undefined);
      }),
      { numRuns: CASES },
    );
  });

  it('is the same whoever the hidden end was', () => {
    const twins = fc.tuple(flowOf(podIn('own'), podIn('foreign')), podIn('other'));
    fc.assert(
      fc.property(twins, ([{ flow, mine }, twin]) => {
        const theirs = other(mine);
        const { port: _, ...rest } = twin;
        const { port } = flow[theirs];
        const replaced: FlowEnd = port === undefined ? rest : { ...rest, port };
        const text = JSON.stringify({ ...flow, ifindex: 0 })
          .replaceAll(flow[theirs].addr, replaced.addr)
          .replaceAll(/foreign-\d+/g, replaced.namespace ?? 'somebody');
        const changed = { ...(JSON.parse(text) as Flow), [theirs]: replaced };
        expect(redact(sight, changed)).toEqual(redact(sight, flow));
      }),
      { numRuns: CASES },
    );
  });

  it('is the same with no more than the name of the tenant, where its tenant and his say that', () => {
    const seen = withPeers({ peers: 'TenantName', tenant: 'acme' });
    fc.assert(
      fc.property(flowOf(podIn('own'), podIn('foreign')), ({ flow, mine }) => {
        const left = redact(seen, flow);
        const hidden = redact(sight, flow);
        const end = left?.[other(mine)];
        expect(end?.labels).toEqual(['reserved:tenant-acme']);
        expect({ ...left, [other(mine)]: { ...end, labels: [HIDDEN_LABEL] } }).toEqual(hidden);
      }),
      { numRuns: CASES },
    );
  });

  it('is what the right to know who it is would leave, where its tenant and his say all', () => {
    const right: Sight = { ...sight, names: (namespace) => /^(named|foreign)/.test(namespace) };
    fc.assert(
      fc.property(flowOf(podIn('own'), podIn('foreign')), ({ flow }) => {
        expect(redact(withPeers({ peers: 'Full' }), flow)).toEqual(redact(right, flow));
      }),
      { numRuns: CASES },
    );
  });

  it('is no more of others, nor of nobody, whatever tenants say of each other', () => {
    const theirs = fc.oneof(podIn('other'), podIn('named'), podIn('own'), outside, unknown);
    const said = fc.constantFrom<PeerSight>({ peers: 'Full' }, { peers: 'TenantName', tenant: 'acme' });
    fc.assert(
      fc.property(flowOf(podIn('own'), theirs), said, ({ flow }, peers) => {
        expect(redact(withPeers(peers), flow)).toEqual(redact(sight, flow));
      }),
      { numRuns: CASES },
    );
    const foreign = fc.oneof(podIn('foreign'), podIn('named'), outside, unknown);
    fc.assert(
      fc.property(flowOf(foreign, foreign), said, ({ flow }, peers) => {
        expect(redact({ ...sight, peers: () => peers }, flow)).toBeUndefined();
      }),
    );
  });

  it('says what staged policies of his would do, that it would pass only where he sees the other end, and nothing of Tenants', () => {
    const theirs = fc.oneof(podIn('foreign'), podIn('named'), podIn('own'), outside);
    fc.assert(
      fc.property(flowOf(podIn('own'), theirs), ({ flow, mine }) => {
        const { shadow } = flow;
        const left = redact(sight, flow);
        const [opener] = flow.isReply ? (['destination'] as const) : (['source'] as const);
        const isMine = (shadow?.reason === 'policy-egress') === (mine === opener);
        const end = left?.[other(mine)];
        const isOwn = flow[other(mine)].addr.startsWith(flow[other(mine)].addr.includes(':') ? 'fd00:10:' : '10.');
        const isHidden = end?.labels.includes(HIDDEN_LABEL) === true;
        const isTold = (isMine || isOwn) && !(shadow?.change === 'would-allow' && isHidden);
        expect(left?.shadow).toEqual(isTold ? shadow : undefined);
        if (shadow === undefined) return;
        const { policies: _, ...ofTenant } = { ...shadow, by: 'tenant' as const };
        expect(redact(sight, { ...flow, shadow: ofTenant })?.shadow).toBeUndefined();
        expect(redact(sight, { ...flow, shadow: { ...shadow, by: 'tenant' } })?.shadow).toBeUndefined();
      }),
      { numRuns: CASES },
    );
  });

  it('is nothing where neither end is his, whatever he may know of their names', () => {
    const foreign = fc.oneof(podIn('foreign'), podIn('named'), outside, unknown);
    fc.assert(
      fc.property(flowOf(foreign, foreign), ({ flow }) => {
        expect(redact(sight, flow)).toBeUndefined();
      }),
      { numRuns: CASES },
    );
  });

  it('names the other end to who may know it, and says nothing of its policies', () => {
    fc.assert(
      fc.property(flowOf(podIn('own'), podIn('named')), ({ flow, mine }) => {
        const left = redact(sight, flow);
        const { endpoint: _, ...end } = flow[other(mine)];
        expect(left?.[other(mine)]).toEqual(end);
        expect(JSON.stringify(left)).not.toContain('policy-of-named');
      }),
      { numRuns: CASES },
    );
  });

  it('is all of it between two ends that are his, and with what is nobody', () => {
    fc.assert(
      fc.property(flowOf(podIn('own'), podIn('own')), ({ flow }) => {
        expect(redact(sight, flow)).toEqual(flow);
      }),
      { numRuns: CASES },
    );
    fc.assert(
      fc.property(flowOf(podIn('own'), outside), ({ flow, mine }) => {
        expect(redact(sight, flow)?.[other(mine)]).toEqual(flow[other(mine)]);
      }),
      { numRuns: CASES },
    );
  });

  it('does not tell by a range that a policy of somebody names it', () => {
    const range: FlowEnd = {
      addr: '203.0.113.7',
      identity: 5_000_000,
      labels: ['cidr:203.0.113.0/24', 'reserved:world'],
    };
    fc.assert(
      fc.property(flowOf(podIn('own'), fc.constant(range)), ({ flow, mine }) => {
        expect(redact(sight, flow)?.[other(mine)]).toEqual({ ...range, identity: 2, labels: ['reserved:world'] });
      }),
    );
  });

  it('is nothing of a pod whose name and labels disagree about whose it is', () => {
    const torn: FlowEnd = {
      addr: '10.0.0.9',
      identity: 900,
      labels: ['k8s:io.kubernetes.pod.namespace=foreign'],
      namespace: 'own',
      pod: 'torn',
    };
    fc.assert(
      fc.property(flowOf(fc.constant(torn), unknown), ({ flow }) => {
        expect(redact(sight, flow)).toBeUndefined();
      }),
    );
    // Nor is it named to who may know the names of one of both.
    const named: FlowEnd = { ...torn, namespace: 'named' };
    fc.assert(
      fc.property(flowOf(podIn('own'), fc.constant(named)), ({ flow, mine }) => {
        expect(redact(sight, flow)?.[other(mine)]).toMatchObject({ addr: '', labels: [HIDDEN_LABEL] });
      }),
    );
    // Nor is it said of it what tenants say of one of both.
    const theirs: FlowEnd = { ...torn, namespace: 'foreign', labels: ['k8s:io.kubernetes.pod.namespace=other'] };
    const full: Sight = { ...sight, peers: () => ({ peers: 'Full' }) };
    fc.assert(
      fc.property(flowOf(podIn('own'), fc.constant(theirs)), ({ flow, mine }) => {
        expect(redact(full, flow)?.[other(mine)]).toMatchObject({ addr: '', labels: [HIDDEN_LABEL] });
      }),
    );
  });

  it('is the flow itself for who may see all', () => {
    fc.assert(
      fc.property(flowOf(unknown, unknown), ({ flow }) => {
        expect(redact({ ...sight, all: true }, flow)).toBe(flow);
      }),
    );
  });
});
