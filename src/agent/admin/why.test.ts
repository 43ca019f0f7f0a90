import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { named, open } from '../../../test/policy-cases/agent-world.ts';
import { arbitraryCase } from '../../../test/policy-cases/arbitrary.ts';
import { type Flow, podKey } from '../../../test/policy-cases/world.ts';
import type { IdentityId, PolicyEntry } from '../../model/index.ts';
import { type Addr, PROTOCOL_NUMBERS } from '../../net/index.ts';
import { judge, partyOf, readPolicy } from '../../policy/index.ts';
import { readPolicyObjects } from './proposal.ts';
import { type Considered, consider, type WhyContext, why } from './why.ts';

const PORTS = [1, 2, 79, 80, 81, 82, 443, 444, 8080, 32767, 32768, 65534, 65535];
const PROTOCOLS = { TCP: 6, UDP: 17, SCTP: 132, ICMP: 1 } as const;
const ECHO_REQUEST = 8 << 8;

/** Packet by packet: `opener>responder protocol/port opens|closes` of all that more entries change. */
function bruteForce(added: readonly PolicyEntry[], { remedy }: Considered, { repository }: WhyContext): Set<string> {
  const found = new Set<string>();
  if (remedy === undefined) return found;
  const { identities, peers } = remedy.accounts;
  const everybody = new Map(
    [...peers, ...remedy.changes.flatMap(({ opener, responder }) => [opener, responder])].map((peer) => [
      `${peer.identity} ${peer.addr ?? ''}`,
      peer,
    ]),
  );
  const partyAt = (id: IdentityId, addr: Addr | undefined) => {
    const identity = identities.get(id);
    if (identity === undefined) throw new Error(`nobody knows ${id}`);
    return identity.kind === 'cidr' ? ({ kind: 'world', addr } as const) : partyOf(identity, addr);
  };
  for (const opener of everybody.values()) {
    for (const responder of everybody.values()) {
      for (const protocol of Object.values(PROTOCOLS)) {
        for (const port of protocol === PROTOCOLS.ICMP ? [ECHO_REQUEST] : PORTS) {
          const passes = (more: readonly PolicyEntry[]): boolean =>
            (['egress', 'ingress'] as const).every((direction) => {
              const [subject, peer] = direction === 'egress' ? [opener, responder] : [responder, opener];
              const identity = identities.get(subject.identity);
              if (identity?.kind !== 'pod') return true;
              const entries = [...repository.entriesFor(identity.id), ...more];
              const question = {
                direction,
                subject: identity.workload,
                peer: partyAt(peer.identity, peer.addr),
                protocol,
                port,
              };
              return judge(entries, repository.settings, question).verdict === 'allow';
            });
          const [before, after] = [passes([]), passes(added)];
          if (before === after) continue;
          found.add(
            `${opener.identity} ${opener.addr}>${responder.identity} ${responder.addr} ${protocol}/${port} ${after ? 'opens' : 'closes'}`,
          );
        }
      }
    }
  }
  return found;
}

/** The same of what is told. */
function toldOf({ remedy }: Considered): Set<string> {
  const found = new Set<string>();
  for (const { opener, responder, opens, closes } of remedy?.changes ?? []) {
    for (const [cells, effect] of [
      [opens, 'opens'],
      [closes, 'closes'],
    ] as const) {
      for (const { protocol, from, to } of cells) {
        const among = protocol === PROTOCOLS.ICMP ? [ECHO_REQUEST] : PORTS;
        for (const port of among.filter((one) => one >= from && one <= to))
          found.add(
            `${opener.identity} ${opener.addr}>${responder.identity} ${responder.addr} ${protocol}/${port} ${effect}`,
          );
      }
    }
  }
  return found;
}

const requestOf = ({ from, to, protocol, port }: Flow) => ({
  from: from.addr,
  to: to.addr,
  protocol: (['TCP', 'UDP', 'SCTP'] as const).find((name) => PROTOCOL_NUMBERS[name] === protocol) ?? ('ICMP' as const),
  ...(protocol === PROTOCOL_NUMBERS.ICMP ? {} : { port }),
});

describe('why', () => {
  test('what is suggested lets the connection pass, and changes what is told and nothing else, in 60 worlds', async () => {
    let suggested = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(arbitraryCase({ ipv6: false, flows: 6 }), async ({ world: drawn, flows }) => {
        const world = named(drawn);
        const { plane, context } = await open(world);
        for (const flow of flows) {
          if (flow.from.kind === 'pod' && flow.to.kind === 'pod' && podKey(flow.from.pod) === podKey(flow.to.pod))
            continue;
          const request = requestOf(flow);
          const considered = await consider(request, context);
          const { trace, remedy, refusal } = considered;
          expect(trace.verdict === 'denied').toBe(remedy !== undefined || refusal !== undefined);
          if (refusal !== undefined) refused += 1;
          if (remedy === undefined) continue;
          suggested += 1;
          // Who would let it pass then is told, and is what is suggested where one of these decides.
          expect(remedy.after.map(({ verdict }) => verdict)).toEqual(remedy.after.map(() => 'allowed'));
          const deciding = remedy.after.flatMap(({ policy = '' }) => policy);
          expect(remedy.policies.every(({ metadata }) => deciding.some((name) => name.endsWith(metadata.name)))).toBe(
            true,
          );
          const added = readPolicyObjects(remedy.policies).flatMap((policy) => readPolicy(policy).entries);
          const told = toldOf(considered);
          const all = bruteForce(added, considered, context);
          const point = {
            protocol: PROTOCOLS[request.protocol],
            port: request.protocol === 'ICMP' ? ECHO_REQUEST : flow.port,
          };
          const asked = Array.from(all).filter(
            (text) =>
              text.includes(` ${flow.from.addr}>`) &&
              text.endsWith(` ${flow.to.addr} ${point.protocol}/${point.port} opens`),
          );
          expect(told).toEqual(new Set(Array.from(all).filter((text) => !asked.includes(text))));
          if (suggested > 5) continue;
          // Of whom nothing may be told neither names are told, nor how many they are.
          const untold = await why(request, context, () => () => undefined);
          expect(untold.change).toMatchObject({ opens: [], closes: [], more: 0 });
        }
        await plane.close();
      }),
      { numRuns: 60 },
    );
    expect(suggested).toBeGreaterThan(20);
    expect(refused).toBeGreaterThan(0);
  });
});
