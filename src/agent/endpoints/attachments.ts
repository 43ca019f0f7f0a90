import { type Clock, errorMessage, isMembraneError, type Logger, type Signal } from '../../base/index.ts';
import type { EndpointAccounts, EndpointWords, Netdev, VethSpec } from '../../datapath/index.ts';
import {
  addAnswer,
  attachmentKey,
  CNI_NOT_AVAILABLE,
  type CniAnswer,
  type CniRequest,
  type EndpointRecord,
  emptyAnswer,
  endpointErrors,
  errorAnswer,
  hostIfnameOf,
  podMacOf,
  versionAnswer,
} from '../../endpoint/index.ts';
import { type EndpointId, ifindex } from '../../model/index.ts';
import type { EndpointTable, LocalAddresses } from '../../plane/index.ts';
import { GATEWAY, GATEWAY_MAC, type StateFiles } from '../node/index.ts';
import type { Addressing } from './addressing.ts';
import type { EndpointPrograms } from './endpoint-programs.ts';
import type { PodNamespaces } from './pod-namespaces.ts';
import { requirePodNetns } from './pod-netns.ts';

export type AttachmentsOptions = {
  readonly addressing: Addressing;
  readonly endpoints: EndpointTable;
  readonly programs: EndpointPrograms;
  readonly netdev: Netdev;
  readonly words: EndpointWords;
  readonly accounts: Pick<EndpointAccounts, 'forget'>;
  readonly local: LocalAddresses;
  readonly namespaces: Pick<PodNamespaces, 'add' | 'remove'>;
  readonly state: StateFiles;
  readonly mtu: number;
  /** Told when an endpoint came or went. */
  readonly changed: Signal;
  /** How long ADD waits for the endpoint to open. It opens by itself later, too. */
  readonly openWithinMs: number;
  readonly clock: Clock;
  readonly log: Logger;
};

type Of<C extends CniRequest['command']> = Extract<CniRequest, { command: C }>;

/**
 * Connects pods to the node and takes them off again. An endpoint is closed (word 0) from before its device exists until
 * the engine opens it, and again before anything of it is taken apart; a crash in between leaves what a restart removes.
 */
export class Attachments {
  readonly #o: AttachmentsOptions;
  readonly #removals = new Map<EndpointId, Promise<void>>();

  constructor(options: AttachmentsOptions) {
    this.#o = options;
  }

  /** One request at a time of one attachment; the CNI server sees to it. */
  async handle(request: CniRequest): Promise<CniAnswer> {
    switch (request.command) {
      case 'VERSION':
        return versionAnswer(request.cniVersion);
      case 'STATUS':
        return this.#status(request);
      case 'ADD':
        return await this.#add(request);
      case 'DEL': {
        const endpoint = this.#o.endpoints.ofAttachment(request.attachment);
        if (endpoint !== undefined) await this.remove(endpoint.record);
        return emptyAnswer;
      }
      case 'CHECK':
        return await this.#check(request);
      case 'GC':
        return await this.#collect(request);
    }
  }

  #status(request: Of<'STATUS'>): CniAnswer {
    const { pool } = this.#o.addressing;
    if (pool !== undefined && pool.used < pool.capacity) return emptyAnswer;
    const error =
      pool === undefined
        ? endpointErrors.make('E_CNI_BUSY', { detail: 'the pod CIDR of this node is not known yet' })
        : endpointErrors.make('E_IPAM_EXHAUSTED', { detail: `all ${pool.capacity} of ${pool.prefix.toString()}` });
    return errorAnswer(request.config.cniVersion, error, CNI_NOT_AVAILABLE);
  }

  async #add(request: Of<'ADD'>): Promise<CniAnswer> {
    const { endpoints, addressing, clock } = this.#o;
    const existing = endpoints.ofAttachment(request.attachment);
    if (existing !== undefined) {
      const detail = `${attachmentKey(request.attachment)} is endpoint ${existing.record.id}`;
      throw endpointErrors.make('E_CNI_EXISTS', { detail });
    }
    requirePodNetns(request.netns);
    const { id, addr } = addressing.allocate(request.config.requestedIps[0]);
    const record: EndpointRecord = {
      id,
      attachment: request.attachment,
      pod: request.pod,
      netns: request.netns,
      addr,
      mac: podMacOf(addr),
      hostIfname: hostIfnameOf(id),
      hostIfindex: ifindex(0),
      mtu: this.#o.mtu,
      phase: 'creating',
      createdAt: clock.now(),
    };
    endpoints.add(record, 'creating');
    try {
      const connected = await this.#connect(record);
      this.#o.log.info(
        { endpoint: id, addr, pod: request.pod, hostIfname: connected.hostIfname },
        'endpoint connected',
      );
      await endpoints.settled(id, this.#o.openWithinMs);
      if (endpoints.get(id)?.state !== 'ready') {
        this.#o.log.info({ endpoint: id, detail: endpoints.get(id)?.detail }, 'endpoint is closed for now');
      }
      return addAnswer(request.config.cniVersion, {
        host: { name: connected.hostIfname, mac: GATEWAY_MAC },
        pod: { name: request.attachment.ifname, mac: connected.mac, sandbox: request.netns },
        addr,
        gateway: GATEWAY,
        mtu: connected.mtu,
      });
    } catch (error) {
      await this.remove(endpoints.get(id)?.record ?? record).catch((undo: unknown) => {
        this.#o.log.error({ endpoint: id, error: errorMessage(undo) }, 'undoing a failed ADD failed');
      });
      if (isMembraneError(error) && !error.code.startsWith('E_DATAPATH')) throw error;
      throw endpointErrors.make('E_CNI_IO', { detail: attachmentKey(request.attachment), cause: error });
    }
  }

  /** From nothing to an endpoint that is complete and closed. */
  async #connect(planned: EndpointRecord): Promise<EndpointRecord> {
    const { netdev, programs, namespaces, words, state, endpoints } = this.#o;
    const { id, addr, mac } = planned;
    words.clear(id);
    state.putEndpoint(planned);
    const link = await netdev.createVeth(vethOf(planned), planned.netns);
    const located = { ...planned, hostIfindex: link.ifindex };
    const record: EndpointRecord = { ...located, phase: 'complete' };
    const attached = await Promise.allSettled([programs.attachNew(record), netdev.configurePod(podDeviceOf(record))]);
    for (const part of attached) if (part.status === 'rejected') throw part.reason;
    namespaces.add(record);
    await netdev.openPath({ ifindex: link.ifindex, addr, mac });
    state.putEndpoint(record);
    endpoints.replaceRecord(record);
    endpoints.transition(id, { type: 'connected' }, 'its identity is being looked up');
    this.#o.changed.emit();
    return record;
  }

  /** Idempotent; whatever of it exists is taken away, closed first. */
  async remove(record: EndpointRecord): Promise<void> {
    const running = this.#removals.get(record.id) ?? this.#remove(record);
    this.#removals.set(record.id, running);
    try {
      await running;
    } finally {
      this.#removals.delete(record.id);
    }
  }

  async #remove(record: EndpointRecord): Promise<void> {
    const { words, endpoints, local, netdev, programs, namespaces, state, accounts, addressing, clock } = this.#o;
    const { id } = record;
    words.clear(id);
    endpoints.transition(id, { type: 'delete' });
    this.#noteRemoval(record);
    if (local.get(record.addr)?.endpoint === id) local.remove(record.addr);
    await netdev.deleteLink(record.hostIfname);
    await programs.detach(id);
    namespaces.remove(id);
    accounts.forget(id);
    state.deleteEndpoint(id);
    endpoints.remove(id);
    addressing.release(id, record.addr, clock.elapsed());
    this.#o.changed.emit();
    this.#o.log.info({ endpoint: id, addr: record.addr, pod: record.pod }, 'endpoint removed');
  }

  /** Where there is no room for it, a pod that goes is what makes some: whoever finds it half gone finds it closed. */
  #noteRemoval(record: EndpointRecord): void {
    try {
      this.#o.state.putEndpoint({ ...record, phase: 'disconnecting' });
    } catch (error) {
      this.#o.log.warn({ endpoint: record.id, error: errorMessage(error) }, 'that an endpoint goes is not on disk');
    }
  }

  async #check(request: Of<'CHECK'>): Promise<CniAnswer> {
    const { endpoints, netdev, programs, local } = this.#o;
    const endpoint = endpoints.ofAttachment(request.attachment);
    if (endpoint === undefined) {
      throw endpointErrors.make('E_CNI_UNKNOWN_CONTAINER', { detail: attachmentKey(request.attachment) });
    }
    const { record } = endpoint;
    const spec = vethOf(record);
    const problems = [
      ...(await netdev.checkHost(spec, { addr: record.addr, mac: record.mac })),
      ...(await netdev.checkPod({ ...podDeviceOf(record), netns: request.netns }, spec)),
      ...(local.get(record.addr)?.endpoint === record.id ? [] : [`${record.addr} is not known to the datapath`]),
      ...(request.config.prevIps?.includes(record.addr) === false
        ? [`prevResult has ${request.config.prevIps.join(', ')}, the endpoint ${record.addr}`]
        : []),
    ];
    try {
      programs.verify(record);
    } catch (error) {
      problems.push(errorMessage(error));
    }
    if (problems.length === 0) return emptyAnswer;
    throw endpointErrors.make('E_CNI_CHECK', { detail: `endpoint ${record.id}: ${problems.join('; ')}` });
  }

  async #collect(request: Of<'GC'>): Promise<CniAnswer> {
    const valid = new Set(request.valid.map(attachmentKey));
    const failed: string[] = [];
    for (const { record, state } of this.#o.endpoints.values()) {
      // An ADD that is under way is not in a list that was made before it.
      if (state === 'creating' || valid.has(attachmentKey(record.attachment))) continue;
      await this.remove(record).catch((error: unknown) => failed.push(`endpoint ${record.id}: ${errorMessage(error)}`));
    }
    if (failed.length > 0) throw endpointErrors.make('E_CNI_IO', { detail: failed.join('; ') });
    return emptyAnswer;
  }
}

export function vethOf(record: EndpointRecord): VethSpec {
  const { hostIfname, attachment, mac, mtu } = record;
  return { name: hostIfname, mac: GATEWAY_MAC, peerName: attachment.ifname, peerMac: mac, mtu };
}

function podDeviceOf(record: EndpointRecord) {
  const { netns, attachment, addr } = record;
  return { netns, device: attachment.ifname, addr, gateway: GATEWAY, gatewayMac: GATEWAY_MAC };
}
