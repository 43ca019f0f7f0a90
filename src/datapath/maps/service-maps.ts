import {
  type AffinityKey,
  type AffinityValue,
  affinityKeyCodec,
  affinityValueCodec,
  type BackendValue,
  backendValueCodec,
  type ServiceKey,
  type ServiceSlot,
  type ServiceSlotKey,
  type ServiceValue,
  type SockOrigin,
  serviceKeyCodec,
  serviceSlotCodec,
  serviceSlotKeyCodec,
  serviceValueCodec,
  sockOriginCodec,
} from '../gen/codecs.ts';
import { KernelMap, type MapCodecs, type TypedMap } from './map.ts';
import type { MapSet } from './map-set.ts';
import { u32Codec, u64Codec } from './scalar-codecs.ts';

/** What the control plane writes. For their order see struct service_value: slots and backends first, frontend last. */
export type ServiceMaps = {
  /** Frontend -> its backend set. A node port has the address `::`. */
  readonly services: TypedMap<ServiceKey, ServiceValue>;
  readonly slots: TypedMap<ServiceSlotKey, ServiceSlot>;
  /** By number of the backend, 1 and up. */
  readonly backends: TypedMap<number, BackendValue>;
};

export const serviceCodecs: {
  readonly services: MapCodecs<ServiceKey, ServiceValue>;
  readonly slots: MapCodecs<ServiceSlotKey, ServiceSlot>;
  readonly backends: MapCodecs<number, BackendValue>;
} = {
  services: { key: serviceKeyCodec, value: serviceValueCodec },
  slots: { key: serviceSlotKeyCodec, value: serviceSlotCodec },
  backends: { key: u32Codec, value: backendValueCodec },
};

export function serviceMaps(maps: MapSet): ServiceMaps {
  return {
    services: new KernelMap(maps.get('services'), maps.spec('services'), serviceCodecs.services),
    slots: new KernelMap(maps.get('service_slots'), maps.spec('service_slots'), serviceCodecs.slots),
    backends: new KernelMap(maps.get('backends'), maps.spec('backends'), serviceCodecs.backends),
  };
}

/** How many rows each can have. */
export function serviceMapSizes({ services, slots, backends }: ServiceMaps): Record<keyof ServiceMaps, number> {
  return { services: services.spec.maxEntries, slots: slots.spec.maxEntries, backends: backends.spec.maxEntries };
}

/** Clients of services with session affinity; written by the programs. */
export type AffinityMap = TypedMap<AffinityKey, AffinityValue>;

export const affinityCodecs: MapCodecs<AffinityKey, AffinityValue> = {
  key: affinityKeyCodec,
  value: affinityValueCodec,
};

export function affinityMap(maps: MapSet): AffinityMap {
  return new KernelMap(maps.get('affinity'), maps.spec('affinity'), affinityCodecs);
}

/** What sockets were turned from and to, by cookie; written by the programs. */
export type SockOriginsMap = TypedMap<bigint, SockOrigin>;

export function sockOriginsMap(maps: MapSet): SockOriginsMap {
  return new KernelMap(maps.get('sock_origins'), maps.spec('sock_origins'), {
    key: u64Codec,
    value: sockOriginCodec,
  });
}
