import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { variableOf } from '../../base/configuration.ts';
import { configKeys, readConfig } from './settings.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'membrane-settings-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(text: string): string {
  const path = join(folder, 'agent.yaml');
  writeFileSync(path, text);
  return path;
}

describe('where the configuration comes from', () => {
  it('needs no file', () => {
    expect(readConfig({ env: { NODE_NAME: 'node-1' } })).toMatchObject({ nodeName: 'node-1', watchSeconds: 30 });
    const flags = { nodeName: 'node-2', kubeconfig: '/root/config' };
    expect(readConfig({ env: { NODE_NAME: 'node-1' }, flags })).toMatchObject(flags);
    expect(readConfig({ file: fileOf('# nothing\n'), env: { NODE_NAME: 'node-1' } }).nodeName).toBe('node-1');
  });

  it('counts a flag before a variable, and that before the file, key by key', () => {
    const file = fileOf('{nodeName: file, clusterName: file, mtu: 1400, metrics: {port: 1, host: 127.0.0.2}}');
    const env = { NODE_NAME: 'env', MEMBRANE_MTU: '1500', MEMBRANE_METRICS_PORT: '2', MEMBRANE_POD_CIDR: '' };
    const config = readConfig({ file, env, flags: { clusterName: 'flag', mtu: 1600 } });
    expect(config).toMatchObject({ nodeName: 'file', clusterName: 'flag', mtu: 1600 });
    expect(config.metrics).toMatchObject({ port: 2, host: '127.0.0.2' });
    expect(config.podCIDR).toBeUndefined();
  });

  it('reads variables as the file would be read', () => {
    const config = readConfig({
      env: {
        MEMBRANE_NODE_NAME: '17',
        MEMBRANE_ENABLE_SERVICES: 'false',
        MEMBRANE_DEVICES: 'eth1, eth2',
        MEMBRANE_RESERVED_HOST_PORTS: '[22, 6443]'.replaceAll(/(\d+)/g, '"$1"'),
        MEMBRANE_SERVICE_HOST: '10.96.0.7',
      },
    });
    expect(config).toMatchObject({ nodeName: '17', enableServices: false, devices: ['eth1', 'eth2'] });
    expect(config.reservedHostPorts).toHaveLength(2);
    expect(() => readConfig({ env: { NODE_NAME: 'n', MEMBRANE_MTU: 'large' } })).toThrow(
      expect.objectContaining({ code: 'E_AGENT_CONFIG', message: expect.stringContaining('mtu') as string }),
    );
  });

  it('takes nothing from what pods are told of the Services beside them', () => {
    const env = {
      NODE_NAME: 'n',
      MEMBRANE_METRICS_SERVICE_HOST: '10.96.0.7',
      MEMBRANE_METRICS_SERVICE_PORT: '9100',
      MEMBRANE_METRICS_PORT: 'tcp://10.96.0.7:9100',
      MEMBRANE_METRICS_PORT_9100_TCP: 'tcp://10.96.0.7:9100',
      MEMBRANE_HUBBLE_PORT: 'udp://[fd00::1]:53',
    };
    const { metrics, hubble } = readConfig({ env });
    const said = readConfig({ env: { NODE_NAME: 'n' } });
    expect([metrics, hubble]).toEqual([said.metrics, said.hubble]);
  });

  it('cannot do without a file that is named, or without a node', () => {
    const file = '/nonexistent/agent.yaml';
    expect(() => readConfig({ file, env: { NODE_NAME: 'n' } })).toThrow(
      expect.objectContaining({ code: 'E_AGENT_CONFIG_FILE', message: expect.stringContaining(file) as string }),
    );
    expect(() => readConfig({ file: fileOf('[a]'), env: { NODE_NAME: 'n' } })).toThrow(
      expect.objectContaining({ code: 'E_AGENT_CONFIG' }),
    );
    expect(() => readConfig({ env: {} })).toThrow(
      expect.objectContaining({ code: 'E_AGENT_CONFIG', message: expect.stringContaining('nodeName') as string }),
    );
  });
});

it('has a variable of its own for every key', () => {
  expect(['podCIDR', 'metrics.port', 'enableIPv6', 'maps.policy_peers'].map(variableOf)).toEqual([
    'MEMBRANE_POD_CIDR',
    'MEMBRANE_METRICS_PORT',
    'MEMBRANE_ENABLE_IPV6',
    'MEMBRANE_MAPS_POLICY_PEERS',
  ]);
  const variables = configKeys().map(({ name }) => variableOf(name));
  expect(new Set(variables).size).toBe(variables.length);
});
