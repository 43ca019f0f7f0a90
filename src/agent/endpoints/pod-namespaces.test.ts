import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../base/index.ts';
import { MAP_SPECS, SocketAccounts } from '../../datapath/index.ts';
import { FakeMap, netnsEndpointsCodecs, sockAccountsCodecs } from '../../datapath/maps/testkit.ts';
import { endpointId } from '../../model/index.ts';
import { parseAddr } from '../../net/index.ts';
import { PodNamespaces } from './pod-namespaces.ts';

const COOKIES: Readonly<Record<string, bigint>> = { '/run/netns/a': 4_100n, '/run/netns/b': 2n ** 40n };
const a = { id: endpointId(1), netns: '/run/netns/a', addr: parseAddr('10.244.1.2') };
const b = { id: endpointId(2), netns: '/run/netns/b', addr: parseAddr('10.244.1.3') };

function start(maxEntries = 16) {
  const map = new FakeMap({ ...MAP_SPECS.netns_endpoints, maxEntries }, netnsEndpointsCodecs);
  const paying = new FakeMap({ ...MAP_SPECS.sock_accounts, maxEntries }, sockAccountsCodecs);
  const life = async () => {
    const namespaces = new PodNamespaces({
      map,
      accounts: new SocketAccounts(paying),
      cookieOf: (netns) => {
        const cookie = COOKIES[netns];
        if (cookie === undefined) throw new Error(`${netns} is gone`);
        return cookie;
      },
      log: silentLogger,
    });
    await namespaces.load();
    return namespaces;
  };
  const rows = async () => Object.fromEntries((await map.entries()).map(([cookie, row]) => [`${cookie}`, row]));
  const accounts = async () => Object.fromEntries((await paying.entries()).map(([cookie, row]) => [`${cookie}`, row]));
  return { life, rows, accounts, paying };
}

describe("the network namespaces of this node's pods", () => {
  it('come and go with their endpoints', async () => {
    const { life, rows, accounts } = start();
    const namespaces = await life();
    namespaces.add(a);
    namespaces.add(b);
    namespaces.remove(a.id);
    expect(await rows()).toEqual({ [`${2n ** 40n}`]: { endpoint: 2, addr: '10.244.1.3' } });
    expect(await accounts()).toEqual({ [`${2n ** 40n}`]: { endpoint: 2, used: 0, found: 0 } });
  });

  it('of an earlier life stay while their endpoints do, even where the namespace is out of sight', async () => {
    const { life, rows, accounts, paying } = start();
    const before = await life();
    before.add(a);
    before.add(b);
    // What the programs have counted.
    paying.set(4_100n, { endpoint: a.id, used: 7, found: 0 });
    const after = await life();
    after.add({ ...a, netns: '/run/netns/elsewhere' });
    after.prune((id) => id === a.id);
    expect(await rows()).toEqual({ 4100: { endpoint: 1, addr: '10.244.1.2' } });
    expect(await accounts()).toEqual({ 4100: { endpoint: 1, used: 7, found: 0 } });
  });

  it('of which there are too many, or none, cost an endpoint nothing', async () => {
    const full = start(1);
    const namespaces = await full.life();
    namespaces.add(a);
    namespaces.add(b);
    expect(await full.rows()).toEqual({ 4100: { endpoint: 1, addr: '10.244.1.2' } });
    const off = new PodNamespaces({ map: undefined, accounts: undefined, cookieOf: () => 1n, log: silentLogger });
    await off.load();
    off.add(a);
    off.remove(a.id);
  });
});
