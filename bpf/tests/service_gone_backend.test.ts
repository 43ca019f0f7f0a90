import { describe, expect, test } from 'vitest';
import { parseAddr, type TcpFlag, type TransportSpec } from '../../src/net/index.ts';
import { fromPod, fromWorld, tcp } from './frames.ts';
import { allow, NODE, OPEN, WORLD } from './lab.ts';
import { B, CLIENT, FRONTEND, SERVICE, SPEECH } from './pair.ts';
import { ANY, NODE_PORT, PROTOCOL_OF, seen, serviceScene } from './service-lab.ts';

const OPEN_TO_WORLD = [allow('ingress', 2), allow('ingress', FRONTEND)];
const OTHER = parseAddr('10.244.1.33');

describe.each(['TCP', 'UDP'] as const)(
  'a client that opens %s again from the port of a connection whose backend is gone',
  (name) => {
    const { forth, back } = SPEECH[name];

    /** The client talked to B, which left; the service has another pod now. */
    async function scene() {
      const it = await serviceScene({ b: OPEN_TO_WORLD });
      const service = { addr: ANY, port: NODE_PORT, protocol: PROTOCOL_OF[name], scope: 'outside' } as const;
      const open = () =>
        forth.opening(CLIENT, NODE_PORT).map((transport) => seen(it.pair.arrive(fromWorld(WORLD, NODE, transport))));
      it.services.set({ ...service, backends: [B] });
      expect(open()).toMatchObject([{ verdict: 'redirect', to: `${B}:${SERVICE}` }]);
      for (const transport of back.opening(SERVICE, CLIENT))
        it.pair.send(it.pair.b, fromPod(it.pair.b, WORLD, transport));
      const other = it.pair.pod({ id: 3, addr: OTHER, identity: 301 });
      it.pair.own(other);
      await it.pair.open(other, OPEN_TO_WORLD);
      it.services.set({ ...service, backends: [OTHER] });
      it.services.maps.backends.delete(it.services.backendId(B, PROTOCOL_OF[name]));
      return { ...it, open };
    }

    test('gets another, with nobody at the former address', async () => {
      using it = await scene();
      it.pair.remove(it.pair.b);
      expect(it.open()).toMatchObject([{ verdict: 'redirect', to: `${OTHER}:${SERVICE}` }]);
    });

    test('gets another, and not the pod that has the address now', async () => {
      using it = await scene();
      await it.pair.replace('b', { id: 9, table: [OPEN.ingress, OPEN.egress] });
      expect(it.open()).toMatchObject([{ verdict: 'redirect', to: `${OTHER}:${SERVICE}` }]);
    });

    test('gets another while the former one drains or serves somebody else', async () => {
      using it = await scene();
      expect(it.open()).toMatchObject([{ verdict: 'redirect', to: `${OTHER}:${SERVICE}` }]);
    });
  },
);

test('what a former owner of the backend’s address had is in nobody’s way', async () => {
  using it = await serviceScene({ b: OPEN_TO_WORLD });
  const { forth } = SPEECH.TCP;
  for (const transport of forth.opening(CLIENT, SERVICE)) it.pair.arrive(fromWorld(WORLD, B, transport));
  await it.pair.replace('b', { id: 9, table: OPEN_TO_WORLD });
  it.services.set({ addr: ANY, port: NODE_PORT, scope: 'outside', backends: [B] });
  const [outcome] = forth
    .opening(CLIENT, NODE_PORT)
    .map((transport) => it.pair.arrive(fromWorld(WORLD, NODE, transport)));
  expect(outcome?.verdict).toBe('redirect');
});

test('what a client goes on sending is not for the pod that has the backend’s address now', async () => {
  using it = await serviceScene({ b: OPEN_TO_WORLD });
  const { forth, back } = SPEECH.TCP;
  it.services.set({ addr: ANY, port: NODE_PORT, scope: 'outside', backends: [B] });
  const send = (transport: TransportSpec) => it.pair.arrive(fromWorld(WORLD, NODE, transport)).verdict;
  expect(forth.opening(CLIENT, NODE_PORT).map(send)).toEqual(['redirect']);
  for (const transport of back.opening(SERVICE, CLIENT)) it.pair.send(it.pair.b, fromPod(it.pair.b, WORLD, transport));
  expect(send(forth.data(CLIENT, NODE_PORT))).toBe('redirect');
  await it.pair.replace('b', { id: 9, table: [OPEN.ingress, OPEN.egress] });
  expect(send(forth.data(CLIENT, NODE_PORT))).toBe('ct-midstream');
});

test('a client that ended its connection is given any backend with its next one', async () => {
  using it = await serviceScene({ b: OPEN_TO_WORLD });
  const other = it.pair.pod({ id: 3, addr: OTHER, identity: 301 });
  it.pair.own(other);
  await it.pair.open(other, OPEN_TO_WORLD);
  it.services.set({ addr: ANY, port: NODE_PORT, scope: 'outside', backends: [B, OTHER] });
  const arrive = (...flags: TcpFlag[]) =>
    seen(it.pair.arrive(fromWorld(WORLD, NODE, tcp(CLIENT, NODE_PORT, ...flags))));
  const chosen = new Set<string | undefined>();
  for (let turn = 0; turn < 30; turn += 1) {
    const opened = arrive('SYN');
    expect(opened.verdict).toBe('redirect');
    chosen.add(opened.to);
    arrive('RST');
  }
  // By chance it is one of them thirty times once in 500 million runs.
  expect(chosen).toEqual(new Set([`${OTHER}:${SERVICE}`, `${B}:${SERVICE}`]));
});
