import { Code, ConnectError } from '@connectrpc/connect';
import { type Caller, headersOf } from '../caller.ts';
import { NodeState } from '../gen/relay/relay_pb.js';
import type { HubbleTeller } from '../teller.ts';
import { ANSWER_MS, type NodeLink } from './node-link.ts';
import type { NodeLinks } from './node-links.ts';
import type { RelayCounts } from './relay-counts.ts';
import { RelayFlows } from './relay-flows.ts';

/** They are the same on every node, but for what a Local policy leaves out: so many are asked, and one may be away. */
const ASKED_FOR_SERVICES = 4;

/** Of what a node thinks about when it is asked. */
const THOUGHT_MS = 30_000;

const asked = (caller: Caller) => ({ timeoutMs: ANSWER_MS, headers: headersOf(caller) });

export type RelayTellerOptions = { readonly version: string; readonly counts: RelayCounts };

/** Of the flows of all nodes. */
export function relayTeller(links: NodeLinks, { version, counts }: RelayTellerOptions): HubbleTeller {
  return {
    flows: (request, caller, signal) =>
      new RelayFlows(links, { request, headers: headersOf(caller), signal, counts }).read(),
    status: async (caller) => {
      const { answers, silent } = await askAll(
        links,
        async ({ observer }) => await observer.serverStatus({}, asked(caller)),
      );
      const sum = (of: (answer: (typeof answers)[number]['answer']) => bigint) =>
        answers.reduce((total, { answer }) => total + of(answer), 0n);
      return {
        numFlows: sum(({ numFlows }) => numFlows),
        maxFlows: sum(({ maxFlows }) => maxFlows),
        seenFlows: sum(({ seenFlows }) => seenFlows),
        flowsRate: answers.reduce((total, { answer }) => total + answer.flowsRate, 0),
        uptimeNs: BigInt(Math.round(performance.now() * 1e6)),
        numConnectedNodes: answers.length,
        numUnavailableNodes: silent.length,
        unavailableNodes: silent.map(({ link: { name } }) => name),
        version,
      };
    },
    nodes: async (caller) => {
      const { answers, silent } = await askAll(
        links,
        async ({ observer }) => await observer.getNodes({}, asked(caller)),
      );
      const tls = (serverName: string | undefined) => ({
        enabled: serverName !== undefined,
        serverName: serverName ?? '',
      });
      const common = ({ name, address, serverName }: NodeLink) => ({ name, address, tls: tls(serverName) });
      const connected = answers.map(({ link, answer: { nodes } }) => {
        const { version: ofNode = '', uptimeNs = 0n, numFlows = 0n, maxFlows = 0n, seenFlows = 0n } = nodes[0] ?? {};
        const counts = { version: ofNode, uptimeNs, numFlows, maxFlows, seenFlows };
        return { ...common(link), ...counts, state: NodeState.NODE_CONNECTED };
      });
      const rest = silent.map(({ link }) => ({ ...common(link), state: NodeState.NODE_UNAVAILABLE }));
      return { nodes: [...connected, ...rest].toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
    },
    namespaces: async (caller) => {
      const { answers } = await askAll(links, async ({ observer }) => await observer.getNamespaces({}, asked(caller)));
      const all = answers.flatMap(({ answer: { namespaces } }) =>
        namespaces.map(({ cluster, namespace }) => [`${cluster}/${namespace}`, { cluster, namespace }] as const),
      );
      const sorted = [...new Map(all)].toSorted(([a], [b]) => (a < b ? -1 : 1));
      return { namespaces: sorted.map(([, namespace]) => namespace) };
    },
    inventory: async ({ withServices }, caller) => {
      const few = new Set(links.all.filter(({ isConnected }) => isConnected).slice(0, ASKED_FOR_SERVICES));
      const { answers } = await askAll(
        links,
        async (link) =>
          await link.inventory.getInventory({ withServices: withServices && few.has(link) }, asked(caller)),
      );
      // Whoever answers is who it was asked as, whatever it calls itself.
      return {
        nodes: answers.flatMap(({ link, answer: { nodes } }) => nodes.map((node) => ({ ...node, name: link.name }))),
      };
    },
    proof: async ({ between }, caller) => {
      const options = between === undefined ? asked(caller) : { ...asked(caller), timeoutMs: THOUGHT_MS };
      const request = between === undefined ? {} : { between };
      const { answers, silent } = await askAll(
        links,
        async ({ inventory }) => await inventory.getProof(request, options),
      );
      const refusal = silent.find(({ why }) => ConnectError.from(why).code === Code.PermissionDenied);
      if (answers.length === 0 && refusal !== undefined) throw refusal.why;
      return {
        nodes: [
          ...answers.flatMap(({ link, answer: { nodes } }) => nodes.map((node) => ({ ...node, name: link.name }))),
          ...silent.map(({ link, why }) => ({ name: link.name, silent: silenceOf(why) })),
        ],
      };
    },
    remedy: async (request, caller) => {
      const link = links.all.find(({ name }) => name === request.node || name.endsWith(`/${request.node}`));
      if (link === undefined) throw new ConnectError('there is no such node', Code.NotFound);
      return await link.inventory.getRemedy(request, { ...asked(caller), timeoutMs: THOUGHT_MS });
    },
    events: undefined,
    peers: undefined,
  };
}

/** Those that do not answer hold up nobody for longer than ANSWER_MS. */
async function askAll<T>(links: NodeLinks, ask: (link: NodeLink) => Promise<T>) {
  const asked = await Promise.all(
    links.all.map(async (link) => {
      if (!link.isConnected) return { link, answer: undefined, why: undefined };
      try {
        return { link, answer: await ask(link), why: undefined };
      } catch (why) {
        return { link, answer: undefined, why };
      }
    }),
  );
  const answers = asked.flatMap(({ link, answer }) => (answer === undefined ? [] : [{ link, answer }]));
  return { answers, silent: asked.filter(({ answer }) => answer === undefined) };
}

/** What a node says of what it could not, else that it says nothing. */
function silenceOf(why: unknown): string {
  const { code, rawMessage } = ConnectError.from(why);
  if (code === Code.Unimplemented) return 'it is of a version that does not tell';
  return code === Code.FailedPrecondition || code === Code.ResourceExhausted ? rawMessage : 'it does not answer';
}
