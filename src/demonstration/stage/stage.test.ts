import { describe, expect, it } from 'vitest';
import { apiErrors } from '../../api/errors.ts';
import { RemoteSandbox } from '../../sandbox/index.ts';
import { Stage } from './stage.ts';

const silence = () => apiErrors.make('E_API_UNREACHABLE', { detail: 'admin.sock: no answer in 10000 ms' });

describe('a wait of the demonstration', () => {
  const stage = new Stage({ sandbox: new RemoteSandbox() });

  it('an agent that does not answer yet is asked again', async () => {
    let asked = 0;
    const look = async () => {
      asked += 1;
      if (asked < 3) throw silence();
      return 'answer';
    };
    expect(await stage.until('it answers', look)).toBe('answer');
  });

  it('ends with why, when none ever comes', async () => {
    const look = async () => await Promise.reject(silence());
    await expect(stage.until('it answers', look, 1)).rejects.toThrow(/until it answers.*no answer in 10000 ms/);
  });

  it('ends at once with every other failure', async () => {
    const look = async () => await Promise.reject(new Error('broken'));
    await expect(stage.until('it answers', look)).rejects.toThrow('broken');
  });
});
