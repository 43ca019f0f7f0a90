export { chaosFrames, type Numbers, nextSegment } from './chaos-frames.ts';
export { disabledProtocolCases } from './disabled-protocol-frames.ts';
export { dnsAnswer, dnsQuery } from './dns-query.ts';
export type { FrameCase } from './frame-case.ts';
export { GATEWAY, newMarker, type Party, ping, podFrame, syn, udp } from './frames.ts';
export { loopbackCases } from './loopback-frames.ts';
export { type SpoofScene, spoofCases } from './spoof-frames.ts';
export { tunnelFrame } from './tunnel-frames.ts';
export { unfinishedCases } from './unfinished-frames.ts';
