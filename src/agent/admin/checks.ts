import type { Check } from '../../api/index.ts';
import type { AddressBook, OwnNode, PodIdentities, PodsElsewhere, RangeProblems } from '../../cluster/index.ts';
import type { ClusterNumbers } from '../../identity/index.ts';
import type { EndpointTable, Engine, Floor, PolicyFollower, PolicyInstaller, Shares } from '../../plane/index.ts';
import type { ClosedEndpoints } from '../endpoints/index.ts';
import type { AgentConfig, StateFiles } from '../node/index.ts';
import {
  type EndpointsTeller,
  type Receipt,
  type Reflection,
  reflectorDetail,
  unreadableTexts,
} from '../objects/index.ts';
import type { ProofWatch } from '../proof/index.ts';
import type { Services } from '../services/index.ts';
import type { DatapathHealth, Switchover } from '../upkeep/index.ts';
import { disbeliefs } from './disbeliefs.ts';
import { endpointProgress } from './endpoint-progress.ts';
import { identityNumbers } from './identities.ts';
import { policyProblemTexts } from './policies.ts';
import { rangeTexts } from './ranges.ts';

/** What is looked at. */
export type ChecksContext = {
  readonly config: Pick<AgentConfig, 'routing'>;
  readonly reflection: Pick<Reflection, 'status' | 'server' | 'clock'>;
  readonly engine: Pick<Engine, 'problem'>;
  /** Undefined: services are off. */
  readonly services: Pick<Services, 'engine' | 'installer'> | undefined;
  readonly installer: Pick<PolicyInstaller, 'entries' | 'rows' | 'peers' | 'building'>;
  readonly book: Pick<AddressBook, 'unplaced' | 'size'>;
  readonly elsewhere: Pick<PodsElsewhere, 'disbelieved'>;
  readonly rangeProblems: Pick<RangeProblems, 'found'>;
  readonly ownNode: Pick<OwnNode, 'problems'>;
  /** What of the ways of this node's own processes to pods of other nodes is not there. */
  readonly ways: () => string | undefined;
  readonly teller: Pick<EndpointsTeller, 'problem' | 'slices'>;
  readonly receipt: Pick<Receipt, 'problem'>;
  readonly identities: Pick<PodIdentities, 'waiting'>;
  readonly allocator: Pick<ClusterNumbers, 'doubts'>;
  readonly policies: Pick<PolicyFollower, 'problems' | 'staged'>;
  readonly floor: Pick<Floor, 'differences' | 'whole'>;
  readonly shares: Pick<Shares, 'size'>;
  readonly watch: Pick<ProofWatch, 'standing' | 'untold'>;
  /** Of the file that flows are written to. */
  readonly flowExport: () => Standing;
  readonly switchover: Pick<Switchover, 'waits'>;
  readonly health: Pick<DatapathHealth, 'standing'>;
  readonly closed: Pick<ClosedEndpoints, 'problems'>;
  readonly state: Pick<StateFiles, 'problems'>;
  readonly endpoints: Pick<EndpointTable, 'values' | 'ageOf'>;
};

/** What is wrong, and what is said where nothing is. */
export type Standing = { readonly problems: readonly string[]; readonly fine: string };

/** Of a list of problems, which one line of `membrane status` names. */
const MOST_NAMED = 5;

const ROUTING: Readonly<Record<AgentConfig['routing'], string>> = {
  tunnel: 'tunnel: packets to other nodes say who sends and whom he may reach',
  native:
    'native: pods of other nodes are known by their addresses alone, so whoever can write one on the network of the nodes is taken for the pod, and what a new one sends is dropped (unencapsulated) until its node has told of it; routing: tunnel says who sends',
  none: 'none: pods of other nodes are not reached',
};

/** How the agent stands, one check a part of it. `foreignShares`: what somebody else has written of exports. */
export function agentChecks(context: ChecksContext, foreignShares: readonly string[]): Check[] {
  const { reflection, engine, rangeProblems, ownNode, switchover, health, closed, state, endpoints } = context;
  const { clock } = reflection;
  const standing: Readonly<Record<string, Standing>> = {
    engine: { problems: known(engine.problem), fine: 'decisions reach the kernel' },
    services: servicesStanding(context),
    'policy tables': tablesStanding(context),
    objects: { problems: unreadableTexts(reflection.status()), fine: 'all could be read' },
    addresses: addressesStanding(context),
    ranges: { problems: rangeTexts(rangeProblems.found), fine: 'of pods, services and nodes meet nowhere' },
    clock: { problems: clock.problems, fine: clock.fine },
    node: { problems: ownNode.problems, fine: 'other nodes find it where it is' },
    routing: { problems: known(context.ways()), fine: ROUTING[context.config.routing] },
    told: toldStanding(context),
    identities: identitiesStanding(context),
    policies: policiesStanding(context),
    tenants: tenantsStanding(context, foreignShares),
    proof: proofStanding(context),
    'flow export': context.flowExport(),
    datapath: { problems: [...health.standing, ...known(switchover.waits)], fine: 'what runs is what should' },
    records: {
      problems: [...closed.problems, ...state.problems.values()],
      fine: 'all of an earlier life could be read',
    },
    endpoints: endpointProgress(endpoints.values(), (endpoint) => endpoints.ageOf(endpoint)),
  };
  return [
    ...reflection.status().map(({ kind, status }) => ({
      name: `api ${kind}`,
      ok: status.synced && status.problem === undefined,
      detail: reflectorDetail(status, reflection.server),
    })),
    ...Object.entries(standing).map(([name, { problems, fine }]) => ({
      name,
      ok: problems.length === 0,
      detail: problems.join('; ') || fine,
    })),
  ];
}

const known = (problem: string | undefined): string[] => (problem === undefined ? [] : [problem]);

function servicesStanding({ services }: ChecksContext): Standing {
  if (services === undefined) return { problems: [], fine: 'off: pods reach no service by its address' };
  const { problem, refused } = services.engine;
  const { frontends, backends } = services.installer.counts;
  const more = refused.size - MOST_NAMED;
  const named = Array.from(refused.values()).slice(0, MOST_NAMED);
  return {
    problems: [...known(problem), ...named, ...(more > 0 ? [`and ${more} more services`] : [])],
    fine: `${frontends} frontends, ${backends} backends in the kernel`,
  };
}

function tablesStanding({ installer }: ChecksContext): Standing {
  const refused = Array.from(installer.entries()).flatMap(([, { states }]) =>
    Object.values(states).flatMap(({ problem }) => problem?.message ?? []),
  );
  const { rows, peers, building } = installer;
  return {
    problems: [...new Set(refused)].slice(0, MOST_NAMED),
    fine: `${rows} rows and ${peers} peers in use, ${building} being made`,
  };
}

function addressesStanding({ book: { unplaced, size }, elsewhere }: ChecksContext): Standing {
  const lost = `${unplaced} of ${size} addresses of pods and nodes elsewhere have no room in the ipcache, and are nobody's or the world's: raise maps.ipcache`;
  return {
    problems: [...(unplaced === 0 ? [] : [lost]), ...disbeliefs(elsewhere.disbelieved)],
    fine: `${size} of pods and nodes elsewhere`,
  };
}

function toldStanding({ teller: { problem, slices } }: ChecksContext): Standing {
  return { problems: known(problem), fine: `other nodes are told of this node's pods in ${slices} objects` };
}

function identitiesStanding({ identities, allocator, receipt: { problem } }: ChecksContext): Standing {
  const { problems, fine } = identityNumbers(identities.waiting, allocator.doubts());
  const untold = problem === undefined ? [] : [`whoever takes numbers back does not hear of this node: ${problem}`];
  return { problems: [...untold, ...problems], fine };
}

function policiesStanding({ policies }: ChecksContext): Standing {
  const staged = policies.staged.policies.size;
  return {
    problems: policyProblemTexts(policies.problems),
    fine: `all are in force as they are written${staged === 0 ? '' : `, but for ${staged} staged`}`,
  };
}

function tenantsStanding({ floor, shares }: ChecksContext, foreignShares: readonly string[]): Standing {
  return {
    problems: [...floor.differences(), ...foreignShares].slice(0, MOST_NAMED),
    fine: `${floor.whole.tenants.size} tenants, ${shares.size} rows of what they share`,
  };
}

function proofStanding({ watch: { standing, untold } }: ChecksContext): Standing {
  const unsaid = untold === undefined ? [] : [`the cluster is not told of it: ${untold}`];
  return { problems: [...standing.problems, ...unsaid], fine: standing.fine };
}
