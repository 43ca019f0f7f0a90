import { DROP_REASON_TEXTS } from '../../src/model/drop-reason.ts';
import type { FlowEnd } from '../../src/model/flow.ts';
import type { DropReason } from '../../src/model/gen/enums.ts';
import type { Row } from '../../src/ui/messages.ts';
import { term } from '../../src/ui/query.ts';
import { go, mute, narrow } from './address.ts';
import { Name, plain } from './name.tsx';
import { Remedy } from './remedy.tsx';
import { clock, endName, endTerm, number, portOf } from './words.ts';

export function FlowCard({ row }: { readonly row: Row }) {
  const { flow, count, first, mixed } = row;
  const { source, destination, verdict, denial, rules, dropReason } = flow;
  const pair = [endTerm('from', source), endTerm('to', destination)];
  const reason = dropReason === undefined ? [] : [term('reason', dropReason)];
  return (
    <>
      <h2 class={verdict}>
        {verdict}
        {count !== undefined && <span> ×{number(count)}</span>}
      </h2>
      <p class="lead">
        <Name text={endName(source)} /> <span aria-hidden="true">→</span>
        <span class="hidden">to</span> <Name text={endName(destination)} />
        {mixed === true ? ', several ports' : `, ${plain(portOf(flow))}`}
      </p>
      {denial !== undefined && (
        <section class="why">
          <h3>Why</h3>
          <p>
            <Name text={denial.reason} />
          </p>
          {denial.judged === 'later' && (
            <p class="note">As policies are now: what held when it came is not remembered.</p>
          )}
          {denial.policies.length > 0 && (
            <>
              <h4>{denial.by === 'rule' ? 'Denied by' : `Isolating it for ${denial.direction}`}</h4>
              <ul>
                {denial.policies.map((policy) => (
                  <li key={policy}>
                    <Name text={policy} />
                  </li>
                ))}
              </ul>
            </>
          )}
          {denial.nearestMiss !== undefined && (
            <div class="miss">
              <h4>Nearest miss</h4>
              <p>
                <Name text={denial.nearestMiss.policy} />, <Name text={denial.nearestMiss.rule} />, wants{' '}
                <strong>
                  <Name text={denial.nearestMiss.wants} />
                </strong>
                : <Name text={denial.nearestMiss.because} />
              </p>
            </div>
          )}
        </section>
      )}
      {dropReason !== undefined && <Reason reason={dropReason} isExplained={denial !== undefined} />}
      <Remedy key={row.id} row={row} />
      {verdict === 'forwarded' && (
        <section>
          <h3>Allowed by</h3>
          <dl>
            <dt>egress</dt>
            <dd>
              <Name text={rules.egress ?? 'no policy that selects the sender'} />
            </dd>
            <dt>ingress</dt>
            <dd>
              <Name text={rules.ingress ?? 'no policy that selects the receiver'} />
            </dd>
          </dl>
        </section>
      )}
      <div class="actions">
        <button type="button" onClick={() => narrow(...pair)}>
          Only these two
        </button>
        {reason.length > 0 && (
          <button type="button" onClick={() => narrow(...reason)}>
            Only this reason
          </button>
        )}
        <button type="button" onClick={() => mute([...pair, ...reason])}>
          Mute
        </button>
        <button type="button" onClick={() => go({ until: Math.round(flow.time) + 5_000 })}>
          Around that time
        </button>
      </div>
      <End title="From" field="from" end={source} />
      <End title="To" field="to" end={destination} />
      <section>
        <h3>Packet</h3>
        <dl>
          <dt>time</dt>
          <dd>
            {new Date(flow.time).toISOString()}
            {first !== undefined && ` (first ${clock(first, { fraction: true })})`}
          </dd>
          <dt>event</dt>
          <dd>
            {flow.type}
            {flow.isReply && ', a reply'}
          </dd>
          <dt>seen at</dt>
          <dd>
            <Name text={`${flow.node}, ${flow.hook}, ${flow.direction}`} />
          </dd>
          <dt>protocol</dt>
          <dd>
            {plain(flow.protocol)} {flow.tcpFlags.join(' ')}
          </dd>
          {flow.length > 0 && (
            <>
              <dt>length</dt>
              <dd>{number(flow.length)} bytes</dd>
            </>
          )}
        </dl>
      </section>
      <TraceCommand row={row} />
    </>
  );
}

function Reason({ reason, isExplained }: { readonly reason: string; readonly isExplained: boolean }) {
  const { text, remedy } = Object.hasOwn(DROP_REASON_TEXTS, reason) ? DROP_REASON_TEXTS[reason as DropReason] : UNKNOWN;
  return (
    <section class={isExplained ? '' : 'why'}>
      <h3>{isExplained ? 'Reason' : 'Why'}</h3>
      <p>
        <code>
          <Name text={reason} />
        </code>
        : {text}.
      </p>
      <p class="note">{remedy}</p>
    </section>
  );
}

const UNKNOWN = {
  text: 'a reason of another version',
  remedy: 'Ask the agent of that node: `membrane observe --help`.',
};

function End({ title, field, end }: { readonly title: string; readonly field: 'from' | 'to'; readonly end: FlowEnd }) {
  return (
    <section>
      <h3>{title}</h3>
      <dl>
        <dt>who</dt>
        <dd>
          <button type="button" class="link" onClick={() => narrow(endTerm(field, end))}>
            <Name text={endName(end)} />
          </button>
        </dd>
        <dt>address</dt>
        <dd>
          <Name text={end.port === undefined ? end.addr : `${end.addr}:${end.port}`} />
        </dd>
        <dt>identity</dt>
        <dd>{end.identity === 0 ? 'unknown' : end.identity}</dd>
        <dt>labels</dt>
        <dd class="labels">
          {end.labels.length === 0
            ? 'unknown here'
            : end.labels.map((label) => (
                <code key={label}>
                  <Name text={label} />
                </code>
              ))}
        </dd>
      </dl>
    </section>
  );
}

/** Asks policies as they are now, hop by hop. Only for pods: whose names cannot be anything but words of a shell. */
function TraceCommand({ row: { flow } }: { readonly row: Row }) {
  const { source, destination, isReply, protocol } = flow;
  const [from, to] = isReply ? [destination, source] : [source, destination];
  const name = ({ namespace, pod, addr }: FlowEnd): string =>
    namespace !== undefined && pod !== undefined ? `${namespace}/${pod}` : addr;
  const words = [name(from), name(to)];
  if (!words.every((word) => /^[a-z0-9.:/-]+$/i.test(word)) || !/^(TCP|UDP|SCTP|ICMP)$/.test(protocol)) return null;
  const port = to.port === undefined ? '' : ` --port ${to.port}`;
  const kind = protocol === 'TCP' ? '' : ` --protocol ${protocol}`;
  return (
    <section>
      <h3>What policies say of it now</h3>
      <pre class="command">{`membrane policy trace --from ${words[0]} --to ${words[1]}${port}${kind}`}</pre>
    </section>
  );
}
