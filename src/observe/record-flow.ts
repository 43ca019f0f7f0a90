import { DROP_REASON_NAMES, EVENT_TYPE_NAMES, HOOK_NAMES } from '../model/gen/enums.ts';
import type { Flow, FlowDenial, FlowEnd, FlowHook, FlowRules, FlowType, TcpFlag } from '../model/index.ts';
import { type DecodeContext, directionOf, hasPorts, protocolOf, rulesOf, tcpFlagsOf } from './decode.ts';
import { type RecordLayout, recordTime } from './record.ts';

/**
 * A record as the flow that it is, of which nothing is read that nobody asks for. One of these is led over many records: who
 * wants to keep what it says asks for `decodeFlow`.
 */
export class RecordFlow implements Flow {
  readonly #context: DecodeContext;
  readonly #layout: RecordLayout;
  readonly source: FlowEnd;
  readonly destination: FlowEnd;
  view: DataView = new DataView(new ArrayBuffer(0));
  at = 0;

  constructor(layout: RecordLayout, context: DecodeContext) {
    this.#layout = layout;
    this.#context = context;
    const { source, sourcePort, sourceIdentity, sourceEndpoint } = layout.offsets;
    const { destination, destinationPort, destinationIdentity, destinationEndpoint } = layout.offsets;
    this.source = new RecordEnd(this, {
      addr: source,
      port: sourcePort,
      identity: sourceIdentity,
      endpoint: sourceEndpoint,
    });
    this.destination = new RecordEnd(this, {
      addr: destination,
      port: destinationPort,
      identity: destinationIdentity,
      endpoint: destinationEndpoint,
    });
  }

  /** Leads it to another record. */
  to(view: DataView, at: number): this {
    this.view = view;
    this.at = at;
    return this;
  }

  get context(): DecodeContext {
    return this.#context;
  }

  get layout(): RecordLayout {
    return this.#layout;
  }

  get time(): number {
    return this.#context.toWall(recordTime(this.#layout, this.view, this.at));
  }

  get node(): string {
    return this.#context.node;
  }

  get type(): FlowType {
    return nameIn(EVENT_TYPE_NAMES, this.#byte('type'));
  }

  get verdict(): Flow['verdict'] {
    return this.type === 'drop' ? 'dropped' : 'forwarded';
  }

  get dropReason(): string | undefined {
    return this.type === 'drop' ? nameIn(DROP_REASON_NAMES, this.#byte('reason')) : undefined;
  }

  get direction(): Flow['direction'] {
    return directionOf(this.hook);
  }

  get protocol(): string {
    return protocolOf(this.#ethertype, this.#byte('protocol'));
  }

  get tcpFlags(): readonly TcpFlag[] {
    return tcpFlagsOf(this.#ethertype, this.#byte('protocol'), this.#byte('tcpFlags'));
  }

  get rules(): FlowRules {
    const at = this.at + this.#layout.offsets.rule;
    const rule = [this.view.getUint32(at, true), this.view.getUint32(at + 4, true)] as const;
    return rulesOf(rule, this.#context.lookup, this.time);
  }

  get denial(): FlowDenial | undefined {
    if (this.type !== 'drop') return undefined;
    return this.#context.lookup.denial(this.#layout.decode(this.view, this.at), this.time);
  }

  get isReply(): boolean {
    return this.#byte('isReply') !== 0;
  }

  get length(): number {
    return this.view.getUint32(this.at + this.#layout.offsets.length, true);
  }

  get ifindex(): number {
    return this.view.getUint32(this.at + this.#layout.offsets.ifindex, true);
  }

  get hook(): FlowHook {
    return nameIn(HOOK_NAMES, this.#byte('hook'));
  }

  /** Whether its ports are ports. */
  get hasPorts(): boolean {
    return hasPorts(this.#ethertype, this.#byte('protocol'));
  }

  get #ethertype(): number {
    return this.view.getUint16(this.at + this.#layout.offsets.ethertype, true);
  }

  #byte(field: 'type' | 'reason' | 'hook' | 'protocol' | 'tcpFlags' | 'isReply'): number {
    return this.view.getUint8(this.at + this.#layout.offsets[field]);
  }
}

class RecordEnd implements FlowEnd {
  readonly #of: RecordFlow;
  readonly #offsets: Readonly<Record<'addr' | 'port' | 'identity' | 'endpoint', number>>;

  constructor(of: RecordFlow, offsets: Readonly<Record<'addr' | 'port' | 'identity' | 'endpoint', number>>) {
    this.#of = of;
    this.#offsets = offsets;
  }

  get addr(): string {
    return this.#of.layout.addr(this.#of.view, this.#of.at + this.#offsets.addr);
  }

  get port(): number | undefined {
    const port = this.#of.view.getUint16(this.#of.at + this.#offsets.port);
    return port === 0 || !this.#of.hasPorts ? undefined : port;
  }

  get identity(): number {
    return this.#of.view.getUint32(this.#of.at + this.#offsets.identity, true);
  }

  get labels(): readonly string[] {
    const { identity } = this;
    return identity === 0 ? [] : (this.#of.context.lookup.labels(identity, this.#of.time) ?? []);
  }

  get namespace(): string | undefined {
    return this.#name?.namespace;
  }

  get pod(): string | undefined {
    return this.#name?.pod;
  }

  get endpoint(): number | undefined {
    return this.#endpoint === 0 ? undefined : this.#endpoint;
  }

  get #endpoint(): number {
    return this.#of.view.getUint16(this.#of.at + this.#offsets.endpoint, true);
  }

  get #name() {
    const { lookup } = this.#of.context;
    const endpoint = this.#endpoint;
    if (endpoint !== 0) return lookup.endpoint(endpoint, this.#of.time);
    return lookup.address(this.addr, this.identity, this.#of.time);
  }
}

/** The store keeps no record with a number that has no name. */
function nameIn<Name>(names: readonly (Name | undefined)[], value: number): Name {
  const name = names[value];
  if (name === undefined) throw new RangeError(`${value} is not one of ${names.join(', ')}`);
  return name;
}
