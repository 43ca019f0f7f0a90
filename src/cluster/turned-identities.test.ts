import { expect, test } from 'vitest';
import type { Turned } from '../identity/index.ts';
import { sampleWorkload } from '../identity/samples.ts';
import { identityId } from '../model/index.ts';
import { ObjectProblems } from './object-problems.ts';
import { TurnedIdentities } from './turned-identities.ts';

test.each([
  ['edited', 'IdentityChanged'],
  ['deleted', 'IdentityDeleted'],
] as const)('that somebody %s an identity in use is said on it, once', (how, reason) => {
  const was = sampleWorkload({ app: 'web', namespace: 'shop' });
  const object = {
    uid: 'u1',
    namespace: '',
    name: '300',
    id: identityId(300),
    workload: sampleWorkload({ app: 'thief', namespace: 'chaos' }),
    retiring: false,
    resourceVersion: '7',
  };
  const turned: Turned[] = [{ object, was, how }];
  const problems = new ObjectProblems();
  const identities = new TurnedIdentities({ numbers: { takeTurned: () => turned.splice(0) }, problems });
  identities.follow();
  identities.follow();
  const message = expect.stringContaining('pods of namespace "shop"');
  expect(problems.take()).toEqual([
    {
      subject: { apiVersion: 'membrane.io/v1alpha1', kind: 'Identity', namespace: '', name: '300', uid: 'u1' },
      problems: [{ reason, message }],
    },
  ]);
});
