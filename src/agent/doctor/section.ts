import type { Finding } from '../../api/index.ts';
import { errorMessage } from '../../base/index.ts';

/** What could not be looked at is no reason to be quiet about the rest, and none to be content. */
export async function section(check: string, look: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await look();
  } catch (error) {
    const evidence = `could not be looked at: ${errorMessage(error)}`;
    return [{ severity: 'warning', check, evidence, remedy: "See the error; the agent's log may say more." }];
  }
}
