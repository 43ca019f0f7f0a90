import type { Finding } from '../../api/index.ts';
import { fine } from './finding.ts';

/** `mayForge`: the server would take what this agent says for another node. */
export function judgeAdmission(mayForge: boolean): Finding[] {
  const check = 'admission';
  if (!mayForge) return [fine(check, 'this agent may say where pods of its own node are, and of no other')];
  return [
    {
      severity: 'warning',
      check,
      evidence:
        "this agent's credentials may say where the pods of every node are: whoever takes over one node speaks for all pods",
      remedy:
        'Apply deploy/admission ("kubectl apply -k deploy/admission", Kubernetes 1.30 or newer), and let agents use the service account of deploy/ and no other credentials.',
    },
  ];
}
