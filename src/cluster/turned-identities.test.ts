import { expect, test } from 'vitest';
import type { Turned } from '../identity/index.ts';
import { sampleWorkload } from '../identity/samples.ts';
import { identityId } from '../model/index.ts';
import { ObjectProblems } from './object-problems.ts';
import { TurnedIdentities } from './turned-identities.ts';

test('that somebody edited an identity in use is said on it, once', () => {
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
  const turned: Turned[] = [{ object, was }];
  const problems = new ObjectProblems();
  const identities = new TurnedIdentities({ numbers: { takeTurned: () => turned.splice(0) }, problems });
  identities.follow();
  identities.follow();
  const message = expect.stringContaining('pods of namespace "shop"');
  expect(problems.take()).toEqual([
    {
      subject: { apiVersion: 'membrane.io/v1alpha1', kind: 'Identity', namespace: '', name: '300', uid: 'u1' },
      problems: [{ reason: 'IdentityChanged', message }],
    },
  ]);
});
