import { expect, test } from 'vitest';
import { bpffsFinding, kernelFinding } from './checks.ts';

test.each([
  ['6.5.13', 'critical'],
  ['5.15.0-91-generic', 'critical'],
  ['6.6.0', 'ok'],
  ['7.0.1', 'ok'],
  ['unknown', 'critical'],
])('kernel %s: %s', (version, severity) => expect(kernelFinding(version).severity).toBe(severity));

test.each([
  ['bpf /sys/fs/bpf bpf rw,nosuid 0 0', 'ok'],
  ['none /run/bpf bpf rw 0 0', 'critical'],
  ['tmpfs /sys/fs/bpf tmpfs rw 0 0', 'critical'],
])('mounts %j: %s', (mounts, severity) =>
  expect(bpffsFinding(`proc /proc proc rw 0 0\n${mounts}\n`).severity).toBe(severity),
);
