import { describe, expect, it } from 'vitest';
import { endpointId } from '../model/index.ts';
import { EndpointIds, LAST_ENDPOINT_ID } from './endpoint-ids.ts';

describe('EndpointIds', () => {
  it('goes round, and starts after the last id of an earlier life', () => {
    const ids = new EndpointIds(LAST_ENDPOINT_ID - 1);
    expect([ids.allocate(), ids.allocate(), ids.allocate()]).toEqual([LAST_ENDPOINT_ID, 1, 2]);
  });

  it('does not give an id out before it was purged from the kernel', () => {
    const ids = new EndpointIds(0);
    for (let i = 1; i <= LAST_ENDPOINT_ID; i += 1) ids.allocate();
    expect(() => ids.allocate()).toThrow(expect.objectContaining({ code: 'E_ENDPOINT_IDS' }));
    ids.release(endpointId(7));
    expect(ids.unpurged).toEqual([7]);
    expect(() => ids.allocate()).toThrow(expect.objectContaining({ code: 'E_ENDPOINT_IDS' }));
    ids.purged(endpointId(7));
    expect(ids.allocate()).toBe(7);
  });

  it('leaves the ids of restored endpoints alone', () => {
    const ids = new EndpointIds(0);
    ids.claim(endpointId(1));
    expect(ids.allocate()).toBe(2);
  });
});
