import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cniEnvironment } from './cni.ts';
import { parseNetworkList, pluginInput } from './cni-config.ts';

const list = (plugins: unknown, more: Record<string, unknown> = {}) =>
  JSON.stringify({ cniVersion: '1.1.0', name: 'net', plugins, ...more });

describe('parseNetworkList', () => {
  it.each(['../../bin/sh', '/bin/sh', 'a/b', '..', 'a..b', '', '.', '-x', 'a b', 'a\0'])(
    'refuses the plugin type %j (CVE-2021-20206)',
    (type) => {
      expect(() => parseNetworkList(list([{ type }]), 'f')).toThrowError(
        expect.objectContaining({ code: 'E_SANDBOX_CNI_CONFIG' }),
      );
    },
  );

  it.each([
    ['no JSON', '{'],
    ['no plugins', list([])],
    ['unknown version', list([{ type: 'a' }], { cniVersion: '9.0.0' })],
    ['bad name', list([{ type: 'a' }], { name: '../x' })],
  ])('refuses %s', (_, text) => {
    expect(() => parseNetworkList(text, '/etc/f')).toThrowError(/\/etc\/f/);
  });

  it('takes no type that could leave its folder', () => {
    fc.assert(
      fc.property(fc.string(), (type) => {
        try {
          parseNetworkList(list([{ type }]), 'f');
        } catch {
          return true;
        }
        return !type.includes('/') && !type.includes('..') && !type.includes('\0');
      }),
    );
  });
});

describe('pluginInput', () => {
  it('gives a plugin its own keys and only the capabilities it declares', () => {
    const parsed = parseNetworkList(list([{ type: 'a', mtu: 1400, capabilities: { ips: true, mac: false } }]), 'f');
    const [plugin] = parsed.plugins;
    if (plugin === undefined) throw new Error('no plugin');
    const input = JSON.parse(
      pluginInput({
        list: parsed,
        plugin,
        runtimeConfig: { ips: ['10.0.0.1/32'], mac: 'x', other: 1 },
        prevResult: { a: 1 },
      }),
    );
    expect(input).toEqual({
      type: 'a',
      mtu: 1400,
      capabilities: { ips: true, mac: false },
      cniVersion: '1.1.0',
      name: 'net',
      runtimeConfig: { ips: ['10.0.0.1/32'] },
      prevResult: { a: 1 },
    });
  });
});

describe('cniEnvironment', () => {
  const attachment = {
    containerId: 'abc',
    netns: '/run/netns/mbr-pod-abc',
    pod: { namespace: 'n', name: 'p', uid: 'u' },
    runtimeConfig: {},
  };
  const host = { binDir: '/bin', nodeNetns: '/n', socket: '/s' };

  it('is the runtime contract and nothing of our own environment', () => {
    expect(cniEnvironment('ADD', attachment, host)).toEqual({
      CNI_COMMAND: 'ADD',
      CNI_CONTAINERID: 'abc',
      CNI_NETNS: '/run/netns/mbr-pod-abc',
      CNI_IFNAME: 'eth0',
      CNI_PATH: '/bin',
      CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=n;K8S_POD_NAME=p;K8S_POD_INFRA_CONTAINER_ID=abc;K8S_POD_UID=u',
      MEMBRANE_CNI_SOCKET: '/s',
      PATH: expect.any(String),
    });
  });

  it('refuses a name that would add an argument', () => {
    const pod = { ...attachment.pod, name: 'p;K8S_POD_NAMESPACE=kube-system' };
    expect(() => cniEnvironment('ADD', { ...attachment, pod }, host)).toThrowError(
      expect.objectContaining({ code: 'E_SANDBOX_UNSAFE_NAME' }),
    );
  });
});
