import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { errorMessage } from '../../../base/index.ts';
import { timestamp } from '../flow-message.ts';
import { flowQuery } from '../flows.ts';
import { type GetFlowsRequest, GetFlowsRequestSchema, GetFlowsResponseSchema } from '../gen/observer/observer_pb.js';
import { NodeState } from '../gen/relay/relay_pb.js';
import type { NodeLink } from './node-link.ts';
import type { NodeLinks } from './node-links.ts';
import type { RelayCounts } from './relay-counts.ts';
import { TimeMerge } from './time-merge.ts';
import { Lie, NodeWords, type Told, told } from './told.ts';

/** What is stored: so long the others wait for a node that says nothing. */
const PATIENCE_MS = 3_000;
/** What happens: so long it is kept back for what other nodes saw before. */
const HOLD_MS = 500;
/** Until a node whose stream broke is asked again. */
const AGAIN_MS = 1_000;

/** At a time, as nodes have it for all who follow: each holds what it has not read of every node. */
const MAX_READERS = 128;
/** What is written at once, before others get their turn. */
const TOLD_AT_ONCE = 512;
/** Without these of a flow nobody could say whose it is. */
const READ_HERE = ['time', 'node_name'];

export type RelayRequest = {
  readonly request: GetFlowsRequest;
  /** For whom nodes are asked. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly counts: RelayCounts;
};

/** One reader of all nodes' flows. */
export class RelayFlows {
  readonly #links: NodeLinks;
  readonly #request: GetFlowsRequest;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #counts: RelayCounts;
  readonly #merge: TimeMerge<Told>;
  readonly #ended = new AbortController();
  readonly #signal: AbortSignal;
  readonly #reading = new Map<NodeLink, AbortController>();
  #again: NodeJS.Timeout | undefined;
  #refused: ConnectError | undefined;
  /** News about nodes, which go before flows. */
  readonly #news: Told[] = [];

  constructor(links: NodeLinks, { request, headers, signal, counts }: RelayRequest) {
    this.#links = links;
    this.#request = create(GetFlowsRequestSchema, { ...request, ...maskOf(request) });
    this.#headers = headers;
    this.#counts = counts;
    this.#signal = AbortSignal.any([signal, this.#ended.signal]);
    this.#merge = new TimeMerge({
      timeOf: ({ time }) => time,
      bytesOf: ({ bytes }) => bytes.length,
      holdMs: request.follow ? HOLD_MS : 0,
      patienceMs: request.follow ? 0 : PATIENCE_MS,
      now: () => performance.now(),
      // Of what is stored the order is the nodes' own, whatever the clock here says.
      wallNow: () => (request.follow ? Date.now() : Number.POSITIVE_INFINITY),
    });
  }

  /** As it is sent, some at a time. */
  async *read(): AsyncGenerator<readonly Uint8Array[]> {
    const { follow } = this.#request;
    if (this.#counts.readers >= MAX_READERS)
      throw new ConnectError(
        `${MAX_READERS} read flows here already, and there is no room for more`,
        Code.ResourceExhausted,
      );
    this.#counts.readers += 1;
    const begun = Date.now();
    try {
      for await (const group of this.#readAll()) {
        this.#counts.tell(group, follow ? begun : undefined);
        yield group.map(({ bytes }) => bytes);
      }
    } finally {
      this.#counts.readers -= 1;
    }
  }

  async *#readAll(): AsyncGenerator<readonly Told[]> {
    // What cannot be understood is refused here, once, and not by each node.
    flowQuery(this.#request, '');
    const { number, first, follow } = this.#request;
    const most = follow || number === 0n ? Number.POSITIVE_INFINITY : Number(number);
    const unheard = () => this.#join();
    try {
      this.#join(true);
      if (follow) this.#links.changed.listen(unheard);
      if (most !== Number.POSITIVE_INFINITY && !first) yield* this.#last(most);
      else yield* this.#inOrder(most);
      if (this.#refused !== undefined) throw new ConnectError(this.#refused.rawMessage, this.#refused.code);
    } finally {
      this.#links.changed.unlisten(unheard);
      clearTimeout(this.#again);
      this.#ended.abort();
    }
  }

  /** At most so many flows; no group is empty. */
  async *#inOrder(most: number): AsyncGenerator<readonly Told[]> {
    let left = most;
    while (!this.#signal.aborted) {
      const group = [...this.#news.splice(0), ...this.#merge.take(TOLD_AT_ONCE)];
      const flows = group.filter(isFlow).length;
      if (flows >= left) return yield group.slice(0, indexAfter(group, left));
      left -= flows;
      if (group.length > 0) {
        yield group;
        continue;
      }
      if (this.#merge.isOver && !this.#request.follow) break;
      await this.#merge.changed(this.#signal);
    }
    if (this.#news.length > 0) yield this.#news.splice(0);
  }

  /** Each node gives its last so many; the last of all are among them. */
  async *#last(most: number): AsyncGenerator<readonly Told[]> {
    const flows: Told[] = [];
    for await (const group of this.#inOrder(Number.POSITIVE_INFINITY)) {
      const others = group.filter((one) => !isFlow(one));
      if (others.length > 0) yield others;
      flows.push(...group.filter(isFlow));
      if (flows.length >= 2 * most + 1_024) flows.splice(0, flows.length - most);
    }
    for (let at = Math.max(0, flows.length - most); at < flows.length; at += TOLD_AT_ONCE)
      yield flows.slice(at, at + TOLD_AT_ONCE);
  }

  /** Reads of every node that answers, and of none that is gone. */
  #join(isFirst = false): void {
    const now = new Set(this.#links.all);
    for (const [link, reading] of this.#reading) {
      if (now.has(link)) continue;
      this.#reading.delete(link);
      reading.abort();
      this.#tell(NodeState.NODE_GONE, [link.name]);
    }
    const silent = [...now].filter(({ isConnected }) => !isConnected).map(({ name }) => name);
    const found = [...now].filter((link) => link.isConnected && !this.#reading.has(link));
    if (found.length > 0)
      this.#tell(
        NodeState.NODE_CONNECTED,
        found.map(({ name }) => name),
      );
    if (isFirst && silent.length > 0) this.#tell(NodeState.NODE_UNAVAILABLE, silent);
    for (const link of found) this.#read(link, !isFirst);
    this.#merge.wake();
    if (isFirst && this.#reading.size === 0 && !this.#request.follow) this.#ended.abort();
  }

  /** `isLater`: what a node that comes has stored, its readers have seen of before, or never asked for. */
  #read(link: NodeLink, isLater: boolean): void {
    const reading = new AbortController();
    this.#reading.set(link, reading);
    const signal = AbortSignal.any([this.#signal, reading.signal]);
    const { since: _, ...rest } = this.#request;
    const request = isLater ? create(GetFlowsRequestSchema, { ...rest, number: 0n }) : this.#request;
    const own = ofNode(link, link.flows(request, { signal, headers: this.#headers }));
    this.#merge.add(own, signal).then(
      () => this.#lost(link, undefined),
      (error: unknown) => this.#lost(link, error),
    );
  }

  /** Its stream is over: read again in a while, if it still answers and has not spoken for others. */
  #lost(link: NodeLink, error: unknown): void {
    if (this.#signal.aborted || !this.#reading.has(link)) return;
    const { follow } = this.#request;
    // What he may see is the same on every node: who is refused by one is refused.
    if (error instanceof ConnectError && error.code === Code.PermissionDenied) {
      this.#refused ??= error;
      this.#ended.abort();
      return;
    }
    if (error !== undefined) this.#counts.failures[error instanceof Lie ? 'lie' : 'broken'] += 1;
    if (error !== undefined) this.#tell(NodeState.NODE_ERROR, [link.name], errorMessage(error));
    else if (follow) this.#tell(NodeState.NODE_UNAVAILABLE, [link.name], 'its stream has ended');
    this.#merge.wake();
    if (!follow || error instanceof Lie) return;
    this.#reading.delete(link);
    this.#again ??= setTimeout(() => {
      this.#again = undefined;
      if (!this.#signal.aborted) this.#join();
    }, AGAIN_MS);
  }

  #tell(stateChange: NodeState, nodeNames: readonly string[], message = ''): void {
    const common = { nodeName: nodeNames[0] ?? '', time: timestamp(Date.now()) };
    const value = { stateChange, nodeNames: [...nodeNames], message };
    const news = create(GetFlowsResponseSchema, { ...common, responseTypes: { case: 'nodeStatus', value } });
    this.#news.push(told(news));
  }
}

/** A node speaks for itself and for no other. What it said before it was caught stands. */
async function* ofNode(
  { name }: NodeLink,
  groups: AsyncIterable<readonly Uint8Array[]>,
): AsyncGenerator<readonly Told[]> {
  const words = new NodeWords(name);
  for await (const group of groups) {
    const heard: Told[] = [];
    try {
      for (const bytes of group) {
        const one = words.read(bytes);
        if (one !== undefined) heard.push(one);
      }
    } catch (error) {
      yield heard;
      throw error;
    }
    yield heard;
  }
}

/** Nodes leave out what nobody asked for, so that what they send goes on as it is. */
function maskOf({ fieldMask }: GetFlowsRequest) {
  if (fieldMask === undefined || fieldMask.paths.length === 0) return {};
  return { fieldMask: { ...fieldMask, paths: [...new Set([...fieldMask.paths, ...READ_HERE])] } };
}

const isFlow = ({ kind }: Told): boolean => kind === 'flow';

/** Where the so-manieth flow has passed. */
function indexAfter(group: readonly Told[], flows: number): number {
  let left = flows;
  return group.findIndex((one) => isFlow(one) && (left -= 1) <= 0) + 1;
}
