import { expect, it } from 'vitest';
import { nodeObject } from './node-registration.ts';

it('a node has the labels that manifests ask for, by their old names too', () => {
  const { labels } = nodeObject({ name: 'n', podCidr: '10.244.1.0/24' } as Parameters<typeof nodeObject>[0]).metadata;
  expect(labels).toMatchObject({ 'kubernetes.io/os': 'linux', 'beta.kubernetes.io/os': 'linux' });
  expect(labels['beta.kubernetes.io/arch']).toBe(labels['kubernetes.io/arch']);
});
