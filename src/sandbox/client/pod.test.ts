import { describe, expect, it } from 'vitest';
import { safeSegment } from '../machine/paths.ts';
import { podSchema } from './pod.ts';

const base = { metadata: { name: 'p', namespace: 'n', uid: 'u-1' }, spec: { containers: [{ name: 'c', image: 'x' }] } };

describe('podSchema', () => {
  it('takes an ordinary pod and fills in defaults', () => {
    const pod = podSchema.parse(base);
    expect(pod.spec).toMatchObject({ restartPolicy: 'Always', terminationGracePeriodSeconds: 30, hostNetwork: false });
  });

  it.each([
    ['name', { ...base, metadata: { ...base.metadata, name: '../../etc' } }],
    ['dots', { ...base, metadata: { ...base.metadata, name: 'a..b' } }],
    ['namespace', { ...base, metadata: { ...base.metadata, namespace: 'a/b' } }],
    ['uid', { ...base, metadata: { ...base.metadata, uid: '../u' } }],
    ['container', { ...base, spec: { containers: [{ name: '$(reboot)', image: 'x' }] } }],
    ['NUL in a command', { ...base, spec: { containers: [{ name: 'c', image: 'x', command: ['a\0b'] }] } }],
    ['NUL in env', { ...base, spec: { containers: [{ name: 'c', image: 'x', env: [{ name: 'A', value: '\0' }] }] } }],
    [
      '= in an env name',
      { ...base, spec: { containers: [{ name: 'c', image: 'x', env: [{ name: 'A=B', value: '' }] }] } },
    ],
  ])('refuses what must not reach a path or an argument list: %s', (_, pod) => {
    expect(podSchema.safeParse(pod).success).toBe(false);
  });
});

describe('safeSegment', () => {
  it.each(['..', '.', '', 'a/b', 'a..b', '-a', 'a b', 'a\nb', 'a'.repeat(300)])('refuses %j', (text) => {
    expect(() => safeSegment(text)).toThrowError(expect.objectContaining({ code: 'E_SANDBOX_UNSAFE_NAME' }));
  });
  it.each(['pod-0123abcd', 'c-main', 'node-1', 'tenant-a'])('takes %j', (text) => {
    expect(safeSegment(text)).toBe(text);
  });
});
