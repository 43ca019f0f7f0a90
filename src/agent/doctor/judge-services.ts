import type { Finding } from '../../api/index.ts';
import { fine, some } from './finding.ts';

const CHECK = 'services';

/** `refused`: by service, why it has less than it wants. */
export function judgeServices(refused: ReadonlyMap<string, string> | undefined): Finding[] {
  if (refused === undefined) return [fine(CHECK, 'services are off')];
  if (refused.size === 0) return [fine(CHECK, 'all have what they want of the maps')];
  return [
    {
      severity: 'warning',
      check: CHECK,
      evidence: `${refused.size} have no more backends than they had: ${some([...refused.values()])}`,
      remedy:
        'Give them fewer endpoints or ports, or raise maps.services, maps.service_slots, maps.backends or namespaceServiceShare.',
    },
  ];
}
