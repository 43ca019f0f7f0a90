import { describe, expect, it } from 'vitest';
import { type Pod, podSchema } from '../client/pod.ts';
import { containerCommand } from './container-command.ts';
import { Images } from './images/images.ts';
import { containerArgv, execArgv, holderArgv } from './isolation.ts';

function pod(container: Record<string, unknown>, spec: Record<string, unknown> = {}): Pod {
  return podSchema.parse({
    metadata: { name: 'web', namespace: 'n', uid: 'u' },
    spec: { containers: [{ name: 'c', image: 'sandbox/none', ...container }], ...spec },
  });
}

function command(
  container: Record<string, unknown>,
  spec: Record<string, unknown> = {},
  env: Record<string, string> = {},
) {
  const parsed = pod(container, spec);
  const [first] = parsed.spec.containers;
  if (first === undefined) throw new Error('no container');
  return containerCommand(first, parsed, env, new Images().command(first));
}

describe('containerCommand', () => {
  it('joins command and args and expands them by the environment', () => {
    const made = command({ command: ['serve'], args: ['--port=$(PORT)', '$(HOME)'] }, {}, { PORT: '80' });
    expect(made).toMatchObject({
      kind: 'command',
      argv: ['serve', '--port=80', '$(HOME)'],
      env: { PORT: '80', HOSTNAME: 'web' },
    });
  });

  it.each(['pause', 'registry.k8s.io/pause:3.9', 'pause@sha256:00'])('sleeps for the image %s', (image) => {
    expect(command({ image })).toMatchObject({ argv: ['sleep', 'infinity'] });
  });

  it.each([
    [
      { image: 'pausex', args: ['a'] },
      'ErrImageNeverPull',
      /names no program for "pausex": give container "c" a command/,
    ],
    [
      { command: ['a'], securityContext: { capabilities: { add: ['EVERYTHING'] } } },
      'CreateContainerError',
      /unknown capability "EVERYTHING"/,
    ],
    [
      { command: ['a'], securityContext: { runAsNonRoot: true, runAsUser: 0 } },
      'CreateContainerConfigError',
      /container's runAsUser breaks non-root policy \(pod: "web_n\(u\)", container: c\)/,
    ],
  ])('refuses %j', (container, reason, message) => {
    expect(command(container)).toMatchObject({ kind: 'refused', reason, message: expect.stringMatching(message) });
  });

  it.each([
    [{ securityContext: { runAsUser: 1000 } }, {}, ['--reuid=1000', '--regid=1000', '--clear-groups']],
    [{}, { securityContext: { runAsUser: 5, runAsGroup: 6 } }, ['--reuid=5', '--regid=6', '--clear-groups']],
    [{ securityContext: { allowPrivilegeEscalation: false } }, {}, ['--no-new-privs']],
    [{}, { securityContext: { fsGroup: 7, supplementalGroups: [8] } }, ['--groups=7,8']],
    [
      { securityContext: { runAsUser: 5 } },
      { securityContext: { fsGroup: 7, runAsGroup: 6 } },
      ['--reuid=5', '--regid=6', '--groups=7'],
    ],
    [{ securityContext: { runAsNonRoot: true, runAsUser: 5 } }, {}, ['--reuid=5', '--regid=5', '--clear-groups']],
    [{}, { securityContext: { runAsNonRoot: true } }, ['--reuid=65534', '--regid=65534', '--clear-groups']],
  ])('turns a security context into options: %j %j', (container, spec, expected) => {
    const made = command({ command: ['a'], ...container }, spec);
    expect(made.kind === 'command' ? made.privileges.slice(3) : made).toEqual(expected);
  });
});

describe('argument lists', () => {
  const hostile = '$(touch /tmp/x); `id` "\' \\ --help';

  it('hands everything to the scripts as parameters, none of it as text', () => {
    const lists = [
      holderArgv({
        procsFile: '/p',
        netns: '/n',
        hostname: hostile,
        memory: [{ path: hostile, options: hostile }],
        ownNetwork: true,
      }),
      containerArgv({
        ...at,
        ...inside,
        mounts: [{ ...mount, target: hostile }],
        argv: [hostile],
        workingDir: hostile,
      }),
      execArgv({ ...at, init: 8, argv: [hostile], workingDir: hostile }),
    ];
    for (const argv of lists) {
      const scripts = argv.filter((_, i) => argv[i - 1] === '-c');
      expect(scripts.length).toBeGreaterThan(0);
      for (const script of scripts) expect(script).not.toContain('touch');
      expect(argv.some((word) => word.includes(hostile))).toBe(true);
    }
  });

  it('ends options before a command that looks like one', () => {
    const argv = containerArgv({ ...at, ...inside, mounts: [], argv: ['--help'], workingDir: '/' });
    expect(argv.slice(-2)).toEqual(['--', '--help']);
  });

  const at = { procsFile: '/p', privileges: [] };
  const inside = { netns: '/n', holder: 7, privileged: false, readOnlyRoot: false, stage: '/s' };
  const mount = { source: '/v', sub: hostile, readOnly: true };
});
