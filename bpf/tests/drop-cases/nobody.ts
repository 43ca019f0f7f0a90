import { parseAddr } from '../../../src/net/index.ts';
import { fromPod, fromWorld, icmpError, ping, tcp, toPod, udp } from '../frames.ts';
import { type Lab, NODE, WORLD } from '../lab.ts';
import { B, type DropCase } from './case.ts';

/** Addresses of the cluster's ranges that nobody has. */
const SERVICE = parseAddr('10.96.7.7');
const POD = parseAddr('10.244.1.77');
const NOBODY = [
  [SERVICE, 'service-unknown'],
  [POD, 'no-endpoint'],
] as const;

/** As the agent writes them; a policy's block around them has a row of its own. */
function ranges(lab: Lab): void {
  lab.identify('10.96.0.0/12', 254);
  lab.identify('10.244.1.0/24', 255);
  lab.identify('10.0.0.0/8', 1 << 24);
}

const TRANSPORTS = [
  ['TCP', tcp(40_000, 81, 'SYN')],
  ['TCP in mid-stream', tcp(40_000, 81, 'ACK')],
  ['UDP', udp(40_000, 53)],
  ['ping', ping(7)],
] as const;

export const NOBODY_FROM_POD: readonly DropCase[] = NOBODY.flatMap(([to, reason]) => [
  ...TRANSPORTS.map(
    ([name, transport]): DropCase => ({
      name: `${name} to ${to}, which nobody has`,
      reason,
      run: ({ lab, a }) => {
        ranges(lab);
        return lab.send(a, fromPod(a, to, transport));
      },
    }),
  ),
  {
    name: `what was let out to ${to} before its range was known`,
    reason,
    run: ({ lab, a }): ReturnType<Lab['send']> => {
      lab.send(a, fromPod(a, to, udp(40_000, 53)));
      ranges(lab);
      lab.turnWorld();
      return lab.send(a, fromPod(a, to, udp(40_000, 53)));
    },
  },
  {
    name: `an ICMP error to ${to}, which nobody has`,
    reason,
    run: ({ lab, a }): ReturnType<Lab['send']> => {
      ranges(lab);
      return lab.send(a, fromPod(a, to, icmpError(to, a.addr, udp(1, 2))));
    },
  },
]);

export const NOBODY_TO_POD: readonly DropCase[] = (
  [
    [SERVICE, 'spoofed-ip'],
    [POD, 'unencapsulated'],
  ] as const
).map(([from, reason]) => ({
  name: `forwarded from ${from}, which nobody has`,
  reason,
  run: ({ lab, b }) => {
    ranges(lab);
    return lab.receive(b, toPod(b, from, udp(40_000, 53)), true);
  },
}));

export const NOBODY_FROM_NETDEV: readonly DropCase[] = [
  ...NOBODY.flatMap(([to, reason]) => [
    ...TRANSPORTS.map(
      ([name, transport]): DropCase => ({
        name: `${name} to ${to}, which nobody has`,
        reason,
        run: ({ lab }) => {
          ranges(lab);
          return lab.arrive(fromWorld(WORLD, to, transport));
        },
      }),
    ),
    ...(
      [
        ['with IP options', { options: Uint8Array.of(7, 3, 4, 0) }, true],
        ['while services are off', {}, false],
      ] as const
    ).map(
      ([name, ip, enableServices]): DropCase => ({
        name: `to ${to}, which nobody has, ${name}`,
        reason,
        config: { enableServices },
        run: ({ lab }) => {
          ranges(lab);
          return lab.arrive(fromWorld(WORLD, to, udp(40_000, 53), { ip }));
        },
      }),
    ),
  ]),
  ...(
    [
      [SERVICE, B, 'spoofed-ip'],
      [SERVICE, NODE, 'spoofed-ip'],
      [POD, B, 'unencapsulated'],
      [POD, NODE, 'unencapsulated'],
    ] as const
  ).map(
    ([from, to, reason]): DropCase => ({
      name: `to ${to} from ${from}, which nobody has`,
      reason,
      run: ({ lab }) => {
        ranges(lab);
        return lab.arrive(fromWorld(from, to, udp(40_000, 53)));
      },
    }),
  ),
];
