/** Transport protocols the datapath tells apart, by IANA number. */
export const PROTOCOL_NUMBERS = { ICMP: 1, TCP: 6, UDP: 17, ICMPv6: 58, SCTP: 132 } as const;

export type Protocol = keyof typeof PROTOCOL_NUMBERS;

const names = new Map<number, Protocol>(
  (Object.entries(PROTOCOL_NUMBERS) as [Protocol, number][]).map(([name, number]) => [number, name]),
);

/** `TCP` for 6; the number in decimal for a protocol without a name here. */
export function protocolName(number: number): string {
  return names.get(number) ?? String(number);
}
