import { useState } from 'preact/hooks';
import type { RemedyView, Row } from '../../src/ui/messages.ts';
import { type Answer, ask } from './ask.ts';
import { Name, plain } from './name.tsx';
import { number } from './words.ts';
import { hello, inventory } from './world.ts';

/** Which policy would let it pass, and what else that would open: asked when somebody wants to know. */
export function Remedy({ row: { flow } }: { readonly row: Row }) {
  const [answer, setAnswer] = useState<Answer<RemedyView>>({});
  const [isAsking, setIsAsking] = useState(false);
  const asked = requestOf(flow);
  if (asked === undefined || hello.value === undefined) return null;
  if (!mayAsk(flow))
    return (
      <section class="remedy">
        <h3>What would allow it</h3>
        <p class="note">That is told to who may list the flows of the namespaces of both pods.</p>
      </section>
    );
  const look = async (): Promise<void> => {
    setIsAsking(true);
    setAnswer(await ask<RemedyView>(`/api/why?${asked.toString()}`));
    setIsAsking(false);
  };
  const { value, problem } = answer;
  return (
    <section class="remedy">
      <h3>What would allow it</h3>
      {value === undefined && (
        <button type="button" disabled={isAsking} onClick={() => void look()}>
          What would allow it?
        </button>
      )}
      {problem !== undefined && <p class="dropped">{plain(problem)}</p>}
      {value !== undefined && <Told view={value} asked={asked} />}
    </section>
  );
}

type ToldProps = { readonly view: RemedyView; readonly asked: URLSearchParams };

function Told({ view: { verdict, steps, noChange, change }, asked }: ToldProps) {
  const port = asked.get('port');
  const own = {
    from: asked.get('from') ?? '',
    to: asked.get('to') ?? '',
    packets: [`${asked.get('protocol')}${port === null ? '' : ` ${port}`}`],
  };
  return (
    <>
      {change === undefined ? (
        <ul>
          {steps.map((step, index) => (
            <li key={index}>
              {step.direction} <Said step={step} />
            </li>
          ))}
        </ul>
      ) : (
        <Steps before={steps} after={change.after} />
      )}
      {verdict === 'allowed' && <p>It would pass by now.</p>}
      {noChange !== undefined && (
        <p>
          <Name text={noChange} />
        </p>
      )}
      {change !== undefined && (
        <>
          <p>This would let it pass:</p>
          {/* Lines of YAML are lines, and what a name hides in one is written out. */}
          <pre class="command">{change.manifest.split('\n').map(plain).join('\n')}</pre>
          {/* What is told here has been tried: a change by which it would not pass is none. */}
          <table class="effect" aria-label="Before and after">
            <thead>
              <tr>
                <th scope="col">connections</th>
                <th scope="col">now</th>
                <th scope="col">with it</th>
              </tr>
            </thead>
            <tbody>
              <Effects list={[own]} opens />
              <Effects list={change.opens} opens />
              <Effects list={change.closes} opens={false} />
            </tbody>
          </table>
          {change.opens.length + change.closes.length === 0 && <p>It would open and end nothing else.</p>}
          {change.isPartial === true && (
            <p class="note">Of pods that you may see: what it does to others is not told.</p>
          )}
          {change.more > 0 && <p class="note">and {number(change.more)} more</p>}
        </>
      )}
    </>
  );
}

type Step = RemedyView['steps'][number];

/** Who decides, before and after. The first denial ends the way. */
function Steps({ before, after }: { readonly before: readonly Step[]; readonly after: readonly Step[] }) {
  const count = Math.max(before.length, after.length);
  return (
    <table class="effect steps" aria-label="Step by step">
      <thead>
        <tr>
          <th scope="col">step</th>
          <th scope="col">now</th>
          <th scope="col">with it</th>
        </tr>
      </thead>
      <tbody>
        {Array.from({ length: count }, (_, index) => (
          <tr key={index}>
            <th scope="row">{(after[index] ?? before[index])?.direction}</th>
            <td>
              <Said step={before[index]} />
            </td>
            <td>
              <Said step={after[index]} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Said({ step }: { readonly step: Step | undefined }) {
  if (step === undefined) return <span class="note">not reached</span>;
  const { verdict, reason } = step;
  return (
    <>
      <span class={verdict === 'allowed' ? 'forwarded' : 'dropped'}>{verdict}</span>: <Name text={reason} />
    </>
  );
}

type Effect = NonNullable<RemedyView['change']>['opens'][number];

function Effects({ list, opens }: { readonly list: readonly Effect[]; readonly opens: boolean }) {
  const words = { denied: <td class="dropped">denied</td>, allowed: <td class="forwarded">allowed</td> };
  return (
    <>
      {list.map(({ from, to, packets }, index) => (
        <tr key={index}>
          <th scope="row">
            <Name text={`${from} → ${to}: ${packets.join(', ')}`} />
          </th>
          {opens ? words.denied : words.allowed}
          {opens ? words.allowed : words.denied}
        </tr>
      ))}
    </>
  );
}

/** Nodes tell workloads of namespaces whose stored flows somebody may see, and answer him about pods of these. */
function mayAsk({ source, destination }: Row['flow']): boolean {
  const { isPartial, workloads } = inventory.value;
  if (isPartial !== true) return true;
  const own = new Set(workloads.map(({ namespace }) => namespace));
  return [source, destination].every(({ namespace, pod }) => pod !== undefined && own.has(namespace ?? ''));
}

/** Undefined: it is nothing that policies are asked about. */
function requestOf({ source, destination, isReply, protocol, node, verdict, denial }: Row['flow']) {
  if (verdict !== 'dropped' || denial === undefined || !/^(TCP|UDP|SCTP|ICMP)$/.test(protocol)) return undefined;
  const [from, to] = isReply ? [destination, source] : [source, destination];
  const name = ({ namespace, pod, addr }: typeof from): string =>
    namespace !== undefined && pod !== undefined ? `${namespace}/${pod}` : addr;
  const [opener, target] = [name(from), name(to)];
  if (opener === '' || target === '') return undefined;
  return new URLSearchParams({
    node,
    from: opener,
    to: target,
    protocol,
    ...(to.port === undefined ? {} : { port: String(to.port) }),
  });
}
