import { describe, expect, it } from 'vitest';
import { parseConfig } from './config.ts';

describe('parseConfig', () => {
  it('needs a node name only, and is frozen', () => {
    const config = parseConfig({ nodeName: 'node-1' });
    expect(config).toMatchObject({
      stateDir: '/run/membrane/node-1',
      cniSocket: '/run/membrane/cni.sock',
      pinDir: '/sys/fs/bpf/membrane/node-1',
      policyEnforcement: 'default',
      cidrSelects: ['pods', 'nodes'],
      metrics: { host: '127.0.0.1' },
    });
    expect(Object.isFrozen(config) && Object.isFrozen(config.metrics)).toBe(true);
  });

  it('bounds what one tenant may take, unless it is told otherwise', () => {
    const config = parseConfig({ nodeName: 'node-1' });
    const { namespaceShare } = config.identity;
    const { table, namespace, selectors } = config.policyLimits;
    const shares = [namespaceShare, config.namespaceServiceShare];
    for (const percent of shares) expect(percent).toBeLessThan(100);
    expect(table).toBeLessThanOrEqual(namespace);
    expect(namespace).toBeLessThan(config.maps.policy);
    expect(config.ctQuota).toBeLessThan(config.maps.conntrack / 4);
    for (const bound of [...shares, table, namespace, selectors, config.ctQuota, config.eventRate]) {
      expect(bound).toBeGreaterThan(0);
    }
  });

  it('serves metrics to others when that is asked for', () => {
    const { metrics } = parseConfig({ nodeName: 'n', metrics: { host: '0.0.0.0', allowNonLoopback: true } });
    expect(metrics).toMatchObject({ host: '0.0.0.0', allowNonLoopback: true });
    expect(parseConfig({ nodeName: 'n' }).metrics.allowNonLoopback).toBe(false);
  });

  it.each([
    [{}, 'nodeName'],
    [{ nodeName: 'node-1', polcyEnforcement: 'always' }, 'polcyEnforcement'],
    [{ nodeName: '../x' }, 'nodeName'],
    [{ nodeName: 'n', policyEnforcement: 'sometimes' }, 'policyEnforcement'],
    [{ nodeName: 'n', podCIDR: '10.0.0.1/24' }, 'podCIDR'],
    [{ nodeName: 'n', podCIDR: 'banana' }, 'podCIDR'],
    [{ nodeName: 'n', uplink: 'a/b' }, 'uplink'],
    [{ nodeName: 'n', stateDir: 'relative' }, 'stateDir'],
    [{ nodeName: 'n', enableIPv6: true }, 'enableIPv6'],
    [{ nodeName: 'n', metrics: { port: 70_000 } }, 'metrics.port'],
    [{ nodeName: 'n', maps: { policy: 1 } }, 'maps.policy'],
    [{ nodeName: 'n', log: { level: 'loud' } }, 'log.level'],
    ['text', 'top'],
    [null, 'top'],
  ])('refuses %j and names %s', (value, names) => {
    expect(() => parseConfig(value)).toThrow(
      expect.objectContaining({ code: 'E_AGENT_CONFIG', message: expect.stringContaining(names) }),
    );
  });
});
