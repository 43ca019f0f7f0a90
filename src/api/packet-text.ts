import type { VerifyView } from './views/verify.ts';

export type ExamplePacket = NonNullable<VerifyView['differences'][number]['packet']>;

/** `10.0.0.1 → 10.0.0.2, TCP 5432: passes; sent: passed`; behind a frontend the backend that it is turned to. */
export function packetText({ from, to, backend, protocol, port, claimed, sent, detail }: ExamplePacket): string {
  const what = [protocol, ...(port === undefined ? [] : [port])].join(' ');
  const tried = sent === undefined ? 'not sent' : `sent: ${sent}`;
  const turned = backend === undefined ? '' : ` (${backend})`;
  return `${from} → ${to}${turned}, ${what}: ${claimed}; ${tried}${detail === undefined ? '' : ` (${detail})`}`;
}
