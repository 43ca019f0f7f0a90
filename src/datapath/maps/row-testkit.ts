/** Values of maps as tests need them: what a test does not name is zero, so that a new field of a layout is said here once. */

import { endpointId, identityId, ifindex } from '../../model/index.ts';
import type { BackendValue, EndpointValue, IpcacheValue, ServiceValue, TenantShare } from '../gen/codecs.ts';

export function backendRow(row: Pick<BackendValue, 'addr' | 'port' | 'protocol'>): BackendValue {
  return { flags: 0, ...row };
}

export function serviceRow(
  row: Pick<ServiceValue, 'revision' | 'count' | 'service'> & Partial<ServiceValue>,
): ServiceValue {
  return { affinitySeconds: 0, flags: 0, ...row };
}

export function endpointRow(row: Partial<EndpointValue> = {}): EndpointValue {
  return { endpoint: endpointId(0), ifindex: ifindex(0), cidrIdentity: identityId(0), ...row };
}

export function ipcacheRow(row: Partial<IpcacheValue>): IpcacheValue {
  return { identity: identityId(0), cidrIdentity: identityId(0), tunnel: null, ...row };
}

/** That has no end. */
export function shareRow(row: Partial<TenantShare> = {}): TenantShare {
  return { until: 0, ...row };
}
