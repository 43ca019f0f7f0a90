import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Identity, identityId, labelMap, labelSelector, type PeerSelector } from '../model/index.ts';
import { Prefix } from '../net/index.ts';
import { addrFromValue } from '../net/testkit.ts';
import { RESERVED_IDENTITIES, RESERVED_IDS } from './reserved.ts';
import { samplePod } from './samples.ts';
import { type IdentitySelector, selectorKey, selects } from './select.ts';
import { SelectorCache } from './selector-cache.ts';

const pods = (labels: Record<string, string>, namespace?: string): PeerSelector => ({
  kind: 'pods',
  namespace: namespace === undefined ? {} : { name: namespace },
  pods: labelSelector({ matchLabels: labels }),
});

describe('SelectorCache', () => {
  test('members at registration, then deltas', () => {
    const cache = new SelectorCache();
    cache.upsert(samplePod(256));
    cache.upsert(samplePod(257, { app: 'db' }));
    const selector = pods({ app: 'web' }, 'shop');
    const web = cache.acquire(selector);
    expect([...cache.members(selector)]).toEqual([256]);

    expect(cache.upsert(samplePod(258, { labels: labelMap({ app: 'web', v: '2' }) }))).toEqual([
      { selector: web, added: [258], removed: [] },
    ]);
    expect(cache.upsert(samplePod(259, { namespace: 'other' }))).toEqual([]);
    expect(cache.remove(identityId(256))).toEqual([{ selector: web, added: [], removed: [256] }]);
    expect(cache.remove(identityId(256))).toEqual([]);
    expect([...cache.members(selector)]).toEqual([258]);
    expect([...cache.selectorsOf(identityId(258))]).toEqual([web]);
  });

  test('equal selectors share one set until the last user lets go', () => {
    const cache = new SelectorCache();
    cache.upsert(samplePod(256));
    const first = cache.acquire(pods({ app: 'web' }));
    const second = cache.acquire(pods({ app: 'web' }));
    expect(second).toBe(first);
    cache.release(first);
    expect(cache.membersAt(first).size).toBe(1);
    cache.release(first);
    expect(cache.membersAt(first).size).toBe(0);
    expect(cache.selectorsOf(identityId(256)).size).toBe(0);
    expect(cache.upsert(samplePod(257))).toEqual([]);
    expect(() => cache.release(first)).toThrow(expect.objectContaining({ code: 'E_IDENTITY_UNKNOWN' }));
  });

  test('pods are selected by pods only, prefixes by blocks, entities by what they are', () => {
    const cache = new SelectorCache();
    for (const identity of RESERVED_IDENTITIES) cache.upsert(identity);
    const cidr = (id: number, text: string): Identity => ({
      kind: 'cidr',
      id: identityId(id),
      prefix: Prefix.parse(text),
      isApiServer: false,
    });
    cache.upsert(samplePod(256));
    for (const identity of [
      cidr(16777216, '10.0.0.0/8'),
      cidr(16777217, '10.1.0.0/16'),
      cidr(16777218, '10.1.2.0/24'),
    ]) {
      cache.upsert(identity);
    }
    const members = (selector: IdentitySelector) => {
      cache.acquire(selector);
      return [...cache.members(selector)].sort((a, b) => a - b);
    };
    expect(members(pods({}))).toEqual([256]);
    expect(
      members({ kind: 'prefix', prefix: Prefix.parse('10.0.0.0/8'), except: [Prefix.parse('10.1.2.0/24')] }),
    ).toEqual([16777216, 16777217]);
    expect(members({ kind: 'entity', entity: 'remote-node' })).toEqual([
      RESERVED_IDS['remote-node'],
      RESERVED_IDS['kube-apiserver'],
    ]);
    expect(members({ kind: 'entity', entity: 'world' })).toEqual([2, 9, 10, 16777216, 16777217, 16777218]);
    expect(members({ kind: 'entity', entity: 'host' })).toEqual([1]);
  });

  test('a nobody is nobody: unknown selectors have no members', () => {
    expect(new SelectorCache().members(pods({})).size).toBe(0);
  });

  test('after any history the members are those that the selector selects', () => {
    const prefix = fc
      .tuple(fc.constantFrom('10.0.0.0', '10.128.0.0', '10.129.1.0', '2001:db8::'), fc.constantFrom(0, 7, 8, 9, 16, 24))
      .map(([addr, length]) => Prefix.parse(`${addr}/${length}`, { hostBits: 'clear' }));
    const labels = fc.dictionary(fc.constantFrom('app', 'v'), fc.constantFrom('1', '2'), { noNullPrototype: true });
    const selector = fc
      .record({
        labels,
        namespace: fc.option(fc.constantFrom('x', 'y'), { nil: undefined }),
        port: fc.boolean(),
        block: fc.option(fc.tuple(prefix, fc.array(prefix, { maxLength: 2 })), { nil: undefined }),
      })
      .map(({ labels: matched, namespace, port, block }): IdentitySelector => {
        if (block !== undefined) return { kind: 'prefix', prefix: block[0], except: block[1] };
        return port ? { kind: 'named-port', protocol: 'TCP', name: 'http' } : pods(matched, namespace);
      });
    const pod = fc.record({
      id: fc.integer({ min: 256, max: 261 }),
      labels,
      namespace: fc.constantFrom('x', 'y'),
      named: fc.boolean(),
    });
    const action = fc.oneof(
      fc.record({ act: fc.constant('upsert' as const), pod }),
      fc.record({ act: fc.constant('prefix' as const), prefix }),
      fc.record({ act: fc.constant('remove' as const), id: fc.integer({ min: 256, max: 261 }) }),
      fc.record({ act: fc.constant('acquire' as const), selector }),
      fc.record({ act: fc.constant('release' as const), selector }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const cache = new SelectorCache();
        const identities = new Map<number, Identity>();
        const held = new Map<string, { selector: IdentitySelector; users: number }>();
        for (const step of actions) {
          if (step.act === 'upsert') {
            const namedPorts = step.pod.named ? [{ name: 'http', protocol: 'TCP' as const, port: 80 }] : [];
            const identity = samplePod(step.pod.id, {
              labels: labelMap(step.pod.labels),
              namespace: step.pod.namespace,
              namedPorts,
            });
            cache.upsert(identity);
            identities.set(identity.id, identity);
          } else if (step.act === 'prefix') {
            // A prefix has one number.
            const known = [...identities.values()].find((one) => one.kind === 'cidr' && one.prefix.equals(step.prefix));
            if (known !== undefined) {
              cache.remove(known.id);
              identities.delete(known.id);
            } else {
              const id = identityId(16_777_216 + identities.size);
              if (identities.has(id)) continue;
              const identity: Identity = { kind: 'cidr', id, prefix: step.prefix, isApiServer: false };
              cache.upsert(identity);
              identities.set(id, identity);
            }
          } else if (step.act === 'remove') {
            cache.remove(identityId(step.id));
            identities.delete(step.id);
          } else if (step.act === 'acquire') {
            const key = cache.acquire(step.selector);
            held.set(key, { selector: step.selector, users: (held.get(key)?.users ?? 0) + 1 });
          } else {
            const key = selectorKey(step.selector);
            const known = held.get(key);
            if (known === undefined) continue;
            cache.release(key);
            if (known.users === 1) held.delete(key);
            else held.set(key, { ...known, users: known.users - 1 });
          }
          for (const { selector: registered } of held.values()) {
            const expected = [...identities.values()]
              .filter((identity) => selects(registered, identity))
              .map(({ id }) => id);
            expect(new Set(cache.members(registered))).toEqual(new Set(expected));
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test('a prefix costs what it covers, not what there is', () => {
    const cache = new SelectorCache();
    const block = (index: number) => Prefix.of(addrFromValue(4, (10n << 24n) + BigInt(index) * 256n), 24);
    const deltas: number[] = [];
    for (let index = 0; index < 10_000; index += 1) {
      const selector: IdentitySelector = { kind: 'prefix', prefix: block(index), except: [] };
      cache.acquire(selector);
      deltas.push(
        cache.upsert({ kind: 'cidr', id: identityId(16_777_216 + index), prefix: block(index), isApiServer: false })
          .length,
      );
      expect([...cache.members(selector)]).toEqual([16_777_216 + index]);
    }
    expect(Math.max(...deltas)).toBe(1);
  });
});
