import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { named, open } from '../../../test/policy-cases/agent-world.ts';
import { arbitraryCase } from '../../../test/policy-cases/arbitrary.ts';
import type { Flow } from '../../../test/policy-cases/world.ts';
import type { Talk, TalksView } from '../../api/index.ts';
import type { Identity, IdentityId, PolicyEntry } from '../../model/index.ts';
import { type Addr, protocolName } from '../../net/index.ts';
import { judge, partyOf, readPolicy } from '../../policy/index.ts';
import { readPolicyObjects } from './proposal.ts';
import { suggest } from './suggest.ts';
import { resolveAddr } from './trace-ends.ts';
import type { WhyContext } from './why.ts';

const NAMESPACE = 'x';
const SINCE = 1_000;

type End = { readonly identity: Identity; readonly addr: Addr };

/** Straight from the entries, both ends. */
function passes(
  from: End,
  to: End,
  at: Pick<Flow, 'protocol' | 'port'>,
  more: readonly PolicyEntry[],
  context: WhyContext,
): boolean {
  const { repository } = context;
  return (['egress', 'ingress'] as const).every((direction) => {
    const [subject, peer] = direction === 'egress' ? [from, to] : [to, from];
    if (subject.identity.kind !== 'pod') return true;
    const entries = [...repository.entriesFor(subject.identity.id), ...more];
    const party =
      peer.identity.kind === 'cidr' ? ({ kind: 'world', addr: peer.addr } as const) : partyOf(peer.identity, peer.addr);
    const question = { direction, subject: subject.identity.workload, peer: party, ...at };
    return judge(entries, repository.settings, question).verdict === 'allow';
  });
}

function talkOf(from: End, to: End, { protocol, port }: Flow): Talk {
  const end = ({ identity, addr }: End) => ({
    identity: identity.id as number,
    addr,
    ...(identity.kind === 'pod' ? { pod: `${identity.workload.namespace}/p` } : {}),
  });
  const name = protocolName(protocol);
  return {
    opener: end(from),
    responder: end(to),
    protocol: name,
    ...(name === 'ICMP' ? {} : { port }),
    connections: 1,
    first: SINCE,
    last: SINCE,
  };
}

const seenBy = (talks: Talk[], change: Partial<TalksView> = {}): TalksView[] => [
  { node: 'n1', since: SINCE, lost: 0, talks, ...change },
];

describe('suggest', () => {
  test('all that was seen goes on, nothing is opened, and what is closed is counted, in 60 worlds', async () => {
    let suggested = 0;
    let closing = 0;
    await fc.assert(
      fc.asyncProperty(
        arbitraryCase({ ipv6: false, flows: 12, networkPolicyOnly: true }),
        async ({ world: drawn, flows }) => {
          // With all its policies most pods are isolated, and nothing is left to suggest.
          const world = named({ ...drawn, policies: new Map([...drawn.policies].slice(0, 1)) });
          const { plane, context } = await open(world);
          const end = (addr: Addr): End => ({ identity: resolveAddr(addr, context).identity, addr });
          const kinds = flows.map((flow) => ({ flow, from: end(flow.from.addr), to: end(flow.to.addr) }));
          const seen = kinds.filter(({ flow, from, to }) => passes(from, to, flow, [], context));
          const talks = seen.map(({ flow, from, to }) => talkOf(from, to, flow));
          const view = await suggest(
            { namespace: NAMESPACE, since: SINCE, seen: seenBy(talks), partial: true },
            { ...context, elsewhere: { pods: function* () {} } },
          );
          const added = readPolicyObjects(view.suggestions.map(({ policy }) => policy)).flatMap(
            (policy) => readPolicy(policy).entries,
          );
          for (const { flow, from, to } of seen)
            expect([flow, passes(from, to, flow, added, context)]).toEqual([flow, true]);
          expect(view.replay.allowed).toBe(view.replay.seen);
          for (const { flow, from, to } of kinds) {
            if (!passes(from, to, flow, [], context))
              expect([flow, passes(from, to, flow, added, context)]).toEqual([flow, false]);
          }
          suggested += view.suggestions.length;
          closing += view.closed > 0 ? 1 : 0;
          expect(view.closed > 0).toBe(view.suggestions.length > 0 && (await loses(added, talks, context)));
          await plane.close();
        },
      ),
      { numRuns: 60 },
    );
    expect(suggested).toBeGreaterThan(2);
    expect(closing).toBeGreaterThan(1);
  });

  test('does not guess from less than it should', async () => {
    const [drawn] = fc.sample(arbitraryCase({ ipv6: false, flows: 1, networkPolicyOnly: true }), {
      numRuns: 1,
      seed: 3,
    });
    if (drawn === undefined) throw new Error('no world');
    const { plane, context } = await open(named(drawn.world));
    const elsewhere = { pods: function* () {} };
    const ask = (seen: TalksView[], partial = false, namespace = NAMESPACE) =>
      suggest({ namespace, since: SINCE, seen, partial }, { ...context, elsewhere });
    await expect(ask(seenBy([], { lost: 3 }))).rejects.toThrow(/3 flows of n1 were lost/);
    await expect(ask(seenBy([], { since: SINCE + 60_000 }))).rejects.toThrow(/n1 knows flows since/);
    await expect(ask(seenBy([]), false, 'nowhere')).rejects.toThrow(/no pod of nowhere runs/);
    const view = await ask(seenBy([], { lost: 3 }), true);
    expect(view.suggestions).toEqual([]);
    expect(view.left).toContain('3 flows of n1 were lost meanwhile');
    await plane.close();
  });
});

/** Whether anybody loses a connection with somebody to whom nothing was seen. */
async function loses(added: readonly PolicyEntry[], talks: readonly Talk[], context: WhyContext): Promise<boolean> {
  const { accounts } = await context.prover.prove();
  const talked = new Set(talks.map(({ opener, responder }) => `${keyOf(opener)}>${keyOf(responder)}`));
  const ends = accounts.peers.flatMap(({ identity, addr }) => {
    const known = accounts.identities.get(identity);
    return known === undefined ? [] : [{ identity: known, addr: addr as Addr }];
  });
  return ends.some((from) =>
    ends.some((to) => {
      if (
        talked.has(
          `${keyOf({ identity: from.identity.id, addr: from.addr })}>${keyOf({ identity: to.identity.id, addr: to.addr })}`,
        )
      )
        return false;
      return [1, 2, 79, 80, 81, 82, 443, 444, 8080, 32_767, 32_768, 65_534, 65_535].some((port) =>
        [6, 17, 132].some((protocol) => {
          const at = { protocol, port };
          return passes(from, to, at, [], context) && !passes(from, to, at, added, context);
        }),
      );
    }),
  );
}

const keyOf = ({
  identity,
  addr,
}: {
  readonly identity: number | IdentityId;
  readonly addr: string | undefined;
}): string => (identity >= 256 ? `${identity}` : `${identity} ${addr ?? ''}`);
