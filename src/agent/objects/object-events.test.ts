import { describe, expect, it } from 'vitest';
import { Lifecycle, silentLogger } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import { ObjectProblems } from '../../cluster/index.ts';
import { ObjectEvents } from './object-events.ts';

const subject = { apiVersion: 'v1', kind: 'Service', namespace: 'a', name: 'web', uid: 'u1' } as const;
const problem = (message: string) => ({ reason: 'ExternalIPRefused', message });

async function withEvents(action: (problems: ObjectProblems, sent: unknown[], clock: FakeClock) => Promise<void>) {
  const clock = new FakeClock(Date.UTC(2026, 0, 1));
  const sent: unknown[] = [];
  const client = { request: async (request: unknown) => sent.push(request) };
  const lifecycle = new Lifecycle({ log: silentLogger, clock });
  const problems = new ObjectProblems();
  const events = new ObjectEvents({ client, problems, node: 'node-1', clock, log: silentLogger });
  await lifecycle.start(events);
  try {
    await action(problems, sent, clock);
  } finally {
    await lifecycle.stop();
  }
}

describe('ObjectEvents', () => {
  it('says a problem once, on the service', async () => {
    await withEvents(async (problems, sent, clock) => {
      problems.report(subject, [problem('externalIP 8.8.8.8 is not within serviceAddressRanges')]);
      problems.report(subject, [problem('externalIP 8.8.8.8 is not within serviceAddressRanges')]);
      await clock.advance(1_000);
      expect(sent).toMatchObject([
        {
          method: 'POST',
          path: '/api/v1/namespaces/a/events',
          body: {
            type: 'Warning',
            reason: 'ExternalIPRefused',
            involvedObject: { kind: 'Service', namespace: 'a', name: 'web', uid: 'u1' },
            source: { component: 'membrane', host: 'node-1' },
          },
        },
      ]);
    });
  });

  it('has room for the events of others, however many one namespace makes', async () => {
    await withEvents(async (problems, sent, clock) => {
      const many = Array.from({ length: 5_000 }, (_, i) => problem(`no ${i}`));
      problems.report(subject, many);
      problems.report({ ...subject, namespace: 'b' }, [problem('of another')]);
      for (let i = 0; i < 120; i += 1) await clock.advance(100);
      expect(JSON.stringify(sent)).toContain('of another');
    });
  });

  it('sends ten a second at most, and forgets what is too much', async () => {
    await withEvents(async (problems, sent, clock) => {
      problems.report(
        subject,
        Array.from({ length: 5_000 }, (_, i) => problem(`no ${i}`)),
      );
      for (let i = 0; i < 10; i += 1) await clock.advance(100);
      expect(sent.length).toBeLessThanOrEqual(11);
      expect(sent.length).toBeGreaterThan(5);
    });
  });
});
