import { useState } from 'preact/hooks';
import type { RemedyView, Row } from '../../src/ui/messages.ts';
import { type Answer, ask } from './ask.ts';
import { Name, plain } from './name.tsx';
import { number } from './words.ts';
import { hello } from './world.ts';

/** Which policy would let it pass, and what else that would open: asked when somebody wants to know. */
export function Remedy({ row: { flow } }: { readonly row: Row }) {
  const [answer, setAnswer] = useState<Answer<RemedyView>>({});
  const [isAsking, setIsAsking] = useState(false);
  const asked = requestOf(flow);
  if (asked === undefined || hello.value === undefined) return null;
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
      {value !== undefined && <Told view={value} />}
    </section>
  );
}

function Told({ view: { verdict, steps, noChange, change } }: { readonly view: RemedyView }) {
  return (
    <>
      <ul>
        {steps.map(({ direction, verdict: own, reason }) => (
          <li key={`${direction} ${reason}`}>
            {direction} {own}: <Name text={reason} />
          </li>
        ))}
      </ul>
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
          <p>{change.opens.length === 0 ? 'It would open nothing else.' : 'It would open, too:'}</p>
          <Pairs list={change.opens} />
          {change.closes.length > 0 && <p>It would end:</p>}
          <Pairs list={change.closes} />
          {change.isPartial === true && (
            <p class="note">Of pods that you may see: what it does to others is not told.</p>
          )}
          {change.more > 0 && <p class="note">and {number(change.more)} more</p>}
        </>
      )}
    </>
  );
}

type Opened = NonNullable<RemedyView['change']>['opens'];

function Pairs({ list }: { readonly list: Opened }) {
  if (list.length === 0) return null;
  return (
    <ul>
      {list.map(({ from, to, packets }, index) => (
        <li key={index}>
          <Name text={`${from} → ${to}: ${packets.join(', ')}`} />
        </li>
      ))}
    </ul>
  );
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
