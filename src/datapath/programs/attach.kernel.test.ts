import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endpointId } from '../../model/index.ts';
import { macOfAddr, parseAddr, parseMac } from '../../net/index.ts';
import { ZERO_CONFIG } from '../gen/config.ts';
import { ensureBpffs, removePins } from '../kernel/bpffs.ts';
import type { LinkFd } from '../kernel/fd.ts';
import { readObjectSpec } from '../kernel/object-spec.ts';
import { progInfo, TCX_INGRESS, tcxLinkCreate, tcxQuery } from '../kernel/syscall.ts';
import { MapSet } from '../maps/map-set.ts';
import { type Link, Netdev } from '../netlink/netdev.ts';
import { TcxLink } from './attach.ts';
import { type EndpointPrograms, loadEndpointPrograms } from './loader.ts';

const NETNS = `mbr-test-att-${process.pid}`;
const HOST = 'mbrfff2';
const BPFFS = `/run/mbr-test-att-${process.pid}`;
const PIN = `${BPFFS}/links/test-ingress`;
const SIZES = { conntrack: 1024, snat: 256, policy: 1024, ipcache: 1024, endpoints: 256, events: 65_536, drops: 256 };

let netdev: Netdev;
let link: Link;
let maps: MapSet;
let programs: EndpointPrograms;
let others: EndpointPrograms;

async function createDevice(): Promise<Link> {
  const addr = parseAddr('10.255.255.3');
  return await netdev.createVeth(
    { name: HOST, mac: parseMac('0a:58:a9:fe:01:01'), peerName: 'eth0', peerMac: macOfAddr(addr), mtu: 1500 },
    `/run/netns/${NETNS}`,
  );
}

const releases: (() => unknown)[] = [];

beforeAll(async () => {
  execFileSync('ip', ['netns', 'add', NETNS]);
  releases.push(() => execFileSync('ip', ['netns', 'delete', NETNS]));
  ensureBpffs(BPFFS);
  releases.push(() => {
    removePins(`${BPFFS}/links`);
    execFileSync('umount', [BPFFS]);
    rmSync(BPFFS, { recursive: true });
  });
  netdev = Netdev.open();
  releases.push(async () => {
    await netdev.deleteLink(HOST);
    netdev.close();
  });
  await netdev.deleteLink(HOST);
  link = await createDevice();
  maps = new MapSet({ pinDir: undefined, sizes: SIZES });
  releases.push(() => maps.close());
  const spec = readObjectSpec(fileURLToPath(new URL('../../../build/endpoint.bpf.o', import.meta.url)));
  const config = { ...ZERO_CONFIG, endpoint: endpointId(1) };
  programs = loadEndpointPrograms({ spec, maps, config });
  others = loadEndpointPrograms({ spec, maps, config });
  releases.push(() => [programs, others].flatMap((p) => [p.fromPod, p.toPod]).map((program) => program.close()));
});

afterAll(async () => {
  for (const release of releases.toReversed()) await release();
});

describe('TcxLink', () => {
  it('attaches, swaps the program atomically and is found again after a restart', async () => {
    const options = { program: programs.fromPod, ifindex: link.ifindex, hook: 'ingress', pin: PIN } as const;
    const attached = await TcxLink.attach(options);
    expect(tcxQuery(link.ifindex, TCX_INGRESS)).toEqual([progInfo(programs.fromPod).id]);
    attached.close();

    using reopened = TcxLink.open(PIN);
    expect(reopened).toMatchObject({ now: { ifindex: link.ifindex }, hook: 'ingress' });
    reopened?.replace(others.fromPod);
    reopened?.verify(others.fromPod);
    expect(() => reopened?.verify(programs.fromPod)).toThrow(expect.objectContaining({ code: 'E_DATAPATH_ATTACH' }));

    using again = await TcxLink.attach(options);
    expect(tcxQuery(link.ifindex, TCX_INGRESS)).toEqual([progInfo(programs.fromPod).id]);
    await again.detach();
    expect(tcxQuery(link.ifindex, TCX_INGRESS)).toEqual([]);
    expect(existsSync(PIN)).toBe(false);
    expect(TcxLink.open(PIN)).toBeUndefined();
  });

  it('runs before what was there, and notices what comes in front of it', async () => {
    using first: LinkFd = await tcxLinkCreate(others.toPod, link.ifindex, TCX_INGRESS);
    const ours = await TcxLink.attach({ program: programs.fromPod, ifindex: link.ifindex, hook: 'ingress', pin: PIN });
    expect(tcxQuery(link.ifindex, TCX_INGRESS)).toEqual([progInfo(programs.fromPod).id, progInfo(others.toPod).id]);
    first.close();
    using intruder = await tcxLinkCreate(others.fromPod, link.ifindex, TCX_INGRESS);
    expect(() => ours.verify()).toThrow(expect.objectContaining({ code: 'E_DATAPATH_ATTACH_ORDER' }));
    intruder.close();
    ours.verify();
    await ours.detach();
  });

  it('takes over the pin of a device that is gone', async () => {
    const old = await TcxLink.attach({ program: programs.fromPod, ifindex: link.ifindex, hook: 'ingress', pin: PIN });
    old.close();
    await netdev.deleteLink(HOST);
    expect(TcxLink.open(PIN)?.now.ifindex).toBe(0);
    link = await createDevice();
    const fresh = await TcxLink.attach({ program: programs.fromPod, ifindex: link.ifindex, hook: 'ingress', pin: PIN });
    fresh.verify(programs.fromPod);
    await fresh.detach();
    await fresh.detach();
  });

  it('says which device is not there', async () => {
    const options = {
      program: programs.fromPod,
      ifindex: 999_999 as Link['ifindex'],
      hook: 'egress',
      pin: PIN,
    } as const;
    await expect(TcxLink.attach(options)).rejects.toMatchObject({
      code: 'E_DATAPATH_ATTACH',
      message: expect.stringContaining('egress of ifindex 999999'),
    });
  });
});
