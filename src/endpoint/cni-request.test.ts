import { describe, expect, it } from 'vitest';
import { isMembraneError } from '../base/index.ts';
import { parseAddr, parseMac } from '../net/index.ts';
import { addAnswer, cniErrorNumber, errorAnswer } from './cni-answer.ts';
import { parseCniRequest } from './cni-request.ts';

const goodEnv = {
  CNI_COMMAND: 'ADD',
  CNI_CONTAINERID: 'c0ffee-1',
  CNI_NETNS: '/run/netns/mbr-pod-1',
  CNI_IFNAME: 'eth0',
  CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1;K8S_POD_UID=6f1c-2',
};
const goodConfig = { cniVersion: '1.1.0', name: 'membrane', type: 'membrane-cni' };

function parse(env: Record<string, string | undefined>, config: unknown = goodConfig) {
  const merged = Object.entries({ ...goodEnv, ...env }).filter((e): e is [string, string] => e[1] !== undefined);
  return parseCniRequest({ env: new Map(merged), stdin: typeof config === 'string' ? config : JSON.stringify(config) });
}

function refusal(env: Record<string, string | undefined>, config?: unknown): { number: number; message: string } {
  try {
    parse(env, config);
  } catch (error) {
    if (isMembraneError(error)) return { number: cniErrorNumber(error), message: error.message };
    throw error;
  }
  throw new Error('it was accepted');
}

describe('parseCniRequest', () => {
  it('bears what a runtime says of host ports, which the agent knows from the Pod', () => {
    const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: 'tcp', hostIP: '' }];
    expect(parse({}, { ...goodConfig, runtimeConfig: { portMappings } })).toEqual(parse({}, goodConfig));
  });

  it('reads ADD', () => {
    expect(parse({}, { ...goodConfig, runtimeConfig: { ips: ['10.244.1.9/24'] } })).toEqual({
      command: 'ADD',
      attachment: { containerId: 'c0ffee-1', ifname: 'eth0' },
      netns: '/run/netns/mbr-pod-1',
      pod: { namespace: 'shop', name: 'web-1', uid: '6f1c-2' },
      config: {
        cniVersion: '1.1.0',
        name: 'membrane',
        requestedIps: ['10.244.1.9'],
        prevIps: undefined,
        validAttachments: undefined,
      },
    });
  });

  it('reads DEL without a namespace path or a pod: it may be gone', () => {
    expect(parse({ CNI_COMMAND: 'DEL', CNI_NETNS: undefined, CNI_ARGS: undefined })).toMatchObject({ command: 'DEL' });
  });

  it('reads GC', () => {
    const config = { ...goodConfig, 'cni.dev/valid-attachments': [{ containerID: 'a', ifname: 'eth0' }] };
    expect(parse({ CNI_COMMAND: 'GC' }, config)).toMatchObject({ valid: [{ containerId: 'a', ifname: 'eth0' }] });
  });

  it.each([
    [{ 'cni.dev/attachments': [{ containerID: 'a', ifname: 'eth0' }] }, ['a']],
    [{ 'cni.dev/attachments': null }, []],
    [{ 'cni.dev/valid-attachments': null, 'cni.dev/attachments': [{ containerID: 'a', ifname: 'eth0' }] }, []],
    [
      { 'cni.dev/valid-attachments': [{ containerID: 'b', ifname: 'eth0', more: null }], 'cni.dev/attachments': null },
      ['b'],
    ],
  ])('reads the list of a GC by its old name too, and the right one first: %j', (lists, valid) => {
    const request = parse({ CNI_COMMAND: 'GC' }, { ...goodConfig, ...lists });
    expect(request).toMatchObject({ valid: valid.map((containerId) => ({ containerId })) });
    expect(request.command === 'GC' && request.valid.length).toBe(valid.length);
  });

  it('takes an empty uid for none', () => {
    const args = 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=x;K8S_POD_INFRA_CONTAINER_ID=;K8S_POD_UID=';
    expect(parse({ CNI_ARGS: args })).toMatchObject({ pod: { namespace: 'shop', name: 'x', uid: undefined } });
  });

  it('takes the null that Go writes for what is empty or absent', () => {
    const nulls = {
      ...goodConfig,
      type: null,
      args: null,
      dns: null,
      ipam: null,
      capabilities: null,
      runtimeConfig: null,
      prevResult: null,
      'cni.dev/valid-attachments': null,
    };
    for (const command of ['ADD', 'DEL', 'CHECK', 'STATUS']) {
      expect(parse({ CNI_COMMAND: command }, nulls)).toMatchObject({ command, config: { requestedIps: [] } });
    }
    expect(parse({ CNI_COMMAND: 'GC' }, nulls)).toMatchObject({ valid: [] });
    const inner = { ...goodConfig, runtimeConfig: { ips: null }, prevResult: { ips: null, routes: null } };
    expect(parse({ CNI_COMMAND: 'DEL' }, inner)).toMatchObject({ command: 'DEL', config: { prevIps: undefined } });
  });

  it.each([
    ['CNI_COMMAND', undefined],
    ['CNI_COMMAND', 'UPDATE'],
    ['CNI_CONTAINERID', undefined],
    ['CNI_CONTAINERID', '../../etc'],
    ['CNI_CONTAINERID', '-rf'],
    ['CNI_CONTAINERID', 'a b'],
    ['CNI_IFNAME', undefined],
    ['CNI_IFNAME', '../x'],
    ['CNI_IFNAME', '..'],
    ['CNI_IFNAME', 'a:b'],
    ['CNI_IFNAME', 'sixteen-letters!'],
    ['CNI_IFNAME', 'ünïcödé'],
    ['CNI_IFNAME', 'a b'],
    ['CNI_NETNS', undefined],
    ['CNI_NETNS', ''],
    ['CNI_NETNS', 'run/netns/x'],
    ['CNI_NETNS', '/run/netns/../../proc/1/ns/net'],
    ['CNI_NETNS', '/run//netns/x'],
    ['CNI_NETNS', '/run/netns/x\n'],
    ['CNI_NETNS', `/${'x'.repeat(4095)}`],
    ['CNI_ARGS', undefined],
    ['CNI_ARGS', 'K8S_POD_NAMESPACE=shop'],
    ['CNI_ARGS', 'K8S_POD_NAMESPACE=shop;K8S_POD_NAME=../x'],
    ['CNI_ARGS', 'K8S_POD_NAMESPACE=shop;K8S_POD_NAME=\u001b[31m'],
    ['CNI_ARGS', 'K8S_POD_NAMESPACE=Shop;K8S_POD_NAME=x'],
    ['CNI_ARGS', 'K8S_POD_NAMESPACE=shop;K8S_POD_NAME=x;K8S_POD_UID=$(id)'],
  ])('refuses %s=%j as error 4 and names it', (name, value) => {
    expect(refusal({ [name]: value })).toEqual({ number: 4, message: expect.stringContaining(name) });
  });

  it.each([
    [6, '{', 'standard input'],
    [7, '[]', 'top'],
    [7, { ...goodConfig, name: undefined }, 'name'],
    [7, { ...goodConfig, name: '../x' }, 'name'],
    [7, { ...goodConfig, runtimeConfig: { ips: ['10.0.0.300'] } }, 'runtimeConfig.ips'],
    [7, { ...goodConfig, runtimeConfig: { ips: 'x' } }, 'runtimeConfig.ips'],
    [1, { ...goodConfig, cniVersion: '0.2.0' }, '0.2.0'],
    [1, { ...goodConfig, cniVersion: '9.0.0' }, '9.0.0'],
  ])('refuses with error %i the configuration %j', (number, config, names) => {
    expect(refusal({}, config)).toEqual({ number, message: expect.stringContaining(names) });
  });

  it('refuses GC without a list: it would remove everything', () => {
    expect(refusal({ CNI_COMMAND: 'GC' })).toMatchObject({ number: 7 });
    expect(refusal({ CNI_COMMAND: 'GC' }, { ...goodConfig, cniVersion: '1.0.0' })).toMatchObject({ number: 1 });
  });

  it('does not print a hostile value in full', () => {
    expect(refusal({ CNI_IFNAME: 'x'.repeat(100_000) }).message.length).toBeLessThan(300);
  });
});

describe('answers', () => {
  const result = {
    host: { name: 'mbr0001', mac: parseMac('0a:58:a9:fe:01:01') },
    pod: { name: 'eth0', mac: parseMac('0a:58:0a:f4:01:02'), sandbox: '/run/netns/p' },
    addr: parseAddr('10.244.1.2'),
    gateway: parseAddr('169.254.1.1'),
    mtu: 1450,
  };

  it.each(['0.4.0', '1.0.0', '1.1.0'] as const)('has the form of %s', (version) => {
    const answer = JSON.parse(addAnswer(version, result).stdout);
    expect(answer.ips[0].version).toBe(version === '0.4.0' ? '4' : undefined);
    expect(answer.interfaces[1].mtu).toBe(version === '1.1.0' ? 1450 : undefined);
    expect(answer).toMatchObject({
      ips: [{ address: '10.244.1.2/32', interface: 1 }],
      routes: [{ gw: '169.254.1.1' }],
    });
  });

  it('says what, where, and what to do', () => {
    const answer = errorAnswer('1.0.0', new Error('boom'));
    expect(answer.exitCode).toBe(1);
    expect(JSON.parse(answer.stdout)).toMatchObject({ cniVersion: '1.0.0', code: 5, msg: 'boom' });
  });
});
