import { describe, expect, it } from 'vitest';
import { endpointId } from '../model/index.ts';
import { ENDPOINT_STATES, type EndpointEvent, type EndpointState, mayOpen, nextState } from './lifecycle.ts';

const id = endpointId(3);
const events: EndpointEvent['type'][] = ['connected', 'opened', 'closed', 'broke', 'mended', 'delete'];
const expected: Record<EndpointState, (EndpointState | 'refused')[]> = {
  creating: ['waiting-for-identity', 'refused', 'refused', 'refused', 'refused', 'disconnecting'],
  'waiting-for-identity': ['refused', 'ready', 'waiting-for-identity', 'broken', 'refused', 'disconnecting'],
  ready: ['refused', 'ready', 'waiting-for-identity', 'broken', 'refused', 'disconnecting'],
  broken: ['refused', 'refused', 'broken', 'broken', 'waiting-for-identity', 'disconnecting'],
  disconnecting: ['refused', 'refused', 'disconnecting', 'refused', 'refused', 'disconnecting'],
};

describe('nextState', () => {
  const cases = ENDPOINT_STATES.flatMap((state) =>
    events.map((type, i) => ({ state, type, to: expected[state][i] ?? 'refused' })),
  );

  it.each(cases)('$state + $type = $to', ({ state, type, to }) => {
    const step = (): EndpointState => nextState(id, state, { type });
    if (to === 'refused') expect(step).toThrow(expect.objectContaining({ code: 'E_ENDPOINT_TRANSITION' }));
    else expect(step()).toBe(to);
  });

  it('lets nothing pass before it is complete, while it is broken, or once it is being taken apart', () => {
    expect(ENDPOINT_STATES.filter(mayOpen)).toEqual(['waiting-for-identity', 'ready']);
  });
});
