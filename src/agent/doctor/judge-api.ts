import type { Finding } from '../../api/index.ts';
import type { ApiFacts } from './api-facts.ts';
import type { ProbedApi } from './api-probe.ts';
import { bounded, fine, some } from './finding.ts';

const CHECK = 'API server';

export function judgeApi({ apis, probed, skipped }: ApiFacts): Finding[] {
  const findings = bounded(apis.flatMap(judgeOne));
  if (findings.length === 0) findings.push(fine(CHECK, `${probed} ports asked, none answers strangers`));
  if (skipped === 0) return findings;
  const evidence = `${skipped} listening ports were not asked: there are too many, or they are too slow`;
  return [...findings, { severity: 'info', check: CHECK, evidence, remedy: 'See "ss -ltnp" for who listens there.' }];
}

function judgeOne({ host, port, isTls, version, open, isGuarded }: ProbedApi): Finding[] {
  const place = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const who = `an API server${version === '' ? '' : ` (${version})`} at ${place}`;
  if (isTls) {
    if (open.length === 0) return [];
    const evidence = `${who} answers ${some(open)} without credentials`;
    const remedy =
      'Start it with --anonymous-auth=false, and remove bindings of system:anonymous and system:unauthenticated.';
    return [{ severity: 'warning', check: CHECK, evidence, remedy }];
  }
  // Its version every API server tells strangers. One that refuses nothing else is taken for open until it is proven not to be.
  if (!isGuarded) {
    const evidence = `${who} answers ${some(['/version', ...open].slice(version === '' ? 1 : 0))} over plain HTTP without credentials: whoever reaches the port owns the cluster`;
    const remedy = 'Start it with --insecure-port=0 (or without it), or end the "kubectl proxy" that listens there.';
    return [{ severity: 'critical', check: CHECK, evidence, remedy }];
  }
  const isLocal = host === '::1' || host.startsWith('127.');
  const evidence = `${who} asks for credentials over plain HTTP: who is on the way reads them`;
  return [{ severity: isLocal ? 'info' : 'warning', check: CHECK, evidence, remedy: 'Serve it with TLS.' }];
}
