import { hearFlows } from '../../api/server.ts';
import { namespacedName } from '../../base/index.ts';
import { attackErrors } from '../errors.ts';
import { newMarker, podFrame, syn } from '../frames/index.ts';
import { type Actor, type AttackLine, joinSeen, knockers, plural, type Stage } from '../stage/index.ts';
import { sendFrames } from '../tools/index.ts';

/** Nobody listens there, and no policy opens it: every knock is a drop. */
const FIRST_PORT = 7001;
/** Of the knocks that only say that somebody looks. */
const HELLO_PORT = 7000;
const ROLE = 'flow-viewer';
const HIDDEN = '(hidden)';

type Told = { readonly port: number; readonly text: string };
type View = {
  readonly who: string;
  readonly told: Told[];
  /** From then on all that he may see reaches him. */
  isOpen: boolean;
  /** Why its stream ended; undefined: it goes on. */
  ended: string | undefined;
};

/** An account with flows of these namespaces; undefined: of all. Its token is one as any pod has. */
async function account(stage: Stage, namespace: string, name: string, isForAll = false): Promise<string> {
  const rbac = 'rbac.authorization.k8s.io';
  const roleRef = { apiGroup: rbac, kind: 'ClusterRole', name: ROLE };
  const subjects = [{ kind: 'ServiceAccount', name, namespace }];
  await stage.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } });
  const binding = { apiVersion: `${rbac}/v1`, roleRef, subjects };
  await (isForAll
    ? stage.apply({ ...binding, kind: 'ClusterRoleBinding', metadata: { name } })
    : stage.apply({ ...binding, kind: 'RoleBinding', metadata: { name, namespace } }));
  return await stage.tokenOf({ namespace, name });
}

const nameOf = ({ namespace, pod }: { readonly namespace: string; readonly pod: string }): string =>
  pod === '' ? HIDDEN : namespacedName({ namespace, name: pod });

function look(stage: Stage, who: string, token: string): View {
  const view: View = { who, told: [], isOpen: false, ended: undefined };
  const ending = new AbortController();
  stage.afterwards(async () => ending.abort());
  void (async () => {
    const socketPath = `${stage.node.agentDir}/hubble.sock`;
    try {
      for await (const { source, destination, destinationPort: port } of hearFlows(
        { socketPath, token },
        ending.signal,
      )) {
        view.isOpen = true;
        if (port === undefined || port < FIRST_PORT || port >= FIRST_PORT + 10) continue;
        view.told.push({ port, text: `${nameOf(source)} -> ${nameOf(destination)}` });
      }
      view.ended = 'its end';
    } catch (error) {
      view.ended = error instanceof Error ? error.message : String(error);
    }
  })();
  return view;
}

const ofPort = ({ told }: View, port: number): string | undefined => told.find((one) => one.port === port)?.text;

async function knock(from: Actor, to: Actor, port: number): Promise<void> {
  await sendFrames(from.netns, [podFrame(from, to.ip, syn(40_000, port, newMarker()))]);
}

/** 25. The operator and two tenants look at the same packets. */
export async function* flowViews(stage: Stage): AsyncGenerator<AttackLine> {
  const [a, b] = await Promise.all([knockers(stage, 'tenant-a'), knockers(stage, 'tenant-b')]);
  await stage.apply({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: ROLE },
    rules: [{ apiGroups: ['membrane.io'], resources: ['flows'], verbs: ['list', 'watch'] }],
  });
  const operator = look(stage, 'operator', await account(stage, 'tenant-a', 'flow-operator', true));
  const ofA = look(stage, 'tenant-a', await account(stage, 'tenant-a', 'flow-owner'));
  const ofB = look(stage, 'tenant-b', await account(stage, 'tenant-b', 'flow-owner'));
  const views = [operator, ofA, ofB];
  // How many readers there are says nothing: others may read as well.
  await stage.until('three look', async () => {
    await knock(a.asker, a.asked, HELLO_PORT);
    await knock(b.asker, b.asked, HELLO_PORT);
    const refused = views.find(({ ended }) => ended !== undefined);
    if (refused !== undefined)
      throw attackErrors.make('E_ATTACK_STAGE', { detail: `${refused.who} may not look: ${refused.ended}` });
    return views.every(({ isOpen }) => isOpen) ? true : undefined;
  });

  await knock(a.asker, b.asked, FIRST_PORT);
  await knock(a.asker, a.asked, FIRST_PORT + 1);
  await knock(b.asker, b.asked, FIRST_PORT + 2);
  // Whoever may see the last has been told of all before it.
  await stage.until('all are told', async () =>
    ofPort(operator, FIRST_PORT + 2) !== undefined &&
    ofPort(ofA, FIRST_PORT + 1) !== undefined &&
    ofPort(ofB, FIRST_PORT + 2) !== undefined
      ? true
      : undefined,
  );
  const expected = [
    ['tenant-a/asker -> tenant-b/asked', 'tenant-a/asker -> tenant-a/asked', 'tenant-b/asker -> tenant-b/asked'],
    [`tenant-a/asker -> ${HIDDEN}`, 'tenant-a/asker -> tenant-a/asked', undefined],
    [`${HIDDEN} -> tenant-b/asked`, undefined, 'tenant-b/asker -> tenant-b/asked'],
  ];
  const seen = views.map((view) => [0, 1, 2].map((nth) => ofPort(view, FIRST_PORT + nth)));
  yield {
    id: '25.views',
    claim: 'of the same packets each sees what is his: of the other tenant no name, no address and no flow',
    tried:
      'a pod of tenant-a knocks at tenant-b, and one of each at its own; operator and both owners follow with their tokens',
    expected: 'the operator sees three flows; each owner two, of the one between them only the own end',
    seen: joinSeen(views.map((view) => `${view.who}: ${view.told.map(({ text }) => text).join(', ')}`)),
    held: JSON.stringify(seen) === JSON.stringify(expected),
    decidedBy: `SubjectAccessReviews of flows.membrane.io, by ClusterRole ${ROLE}`,
  };

  await stage.remove({ resource: 'rolebindings', namespace: 'tenant-a', name: 'flow-owner' });
  await stage.until('a stream ends', async () => (ofA.ended === undefined ? undefined : true));
  const before = ofA.told.length;
  await knock(a.asker, b.asked, FIRST_PORT + 3);
  await stage.until('the others are told', async () =>
    [operator, ofB].every((view) => ofPort(view, FIRST_PORT + 3) !== undefined) ? true : undefined,
  );
  const after = ofA.told.length - before;
  const others = [operator, ofB].filter(({ ended }) => ended !== undefined);
  yield {
    id: '25.taken-away',
    claim: 'a right that is taken away ends the stream that used it, and no other',
    tried: 'the RoleBinding of the owner of tenant-a is deleted while all three follow',
    expected: 'his stream ends and says why; nothing more reaches him; the others go on',
    seen: joinSeen([
      `tenant-a: ${ofA.ended ?? 'goes on'}`,
      `${plural(after, 'flow')} after that`,
      `${others.length} others ended`,
    ]),
    held:
      /cannot watch resource "flows" in namespace "tenant-a" any more/.test(ofA.ended ?? '') &&
      after === 0 &&
      others.length === 0,
    decidedBy: ofA.ended ?? 'nothing',
  };
}
