import { useEffect, useRef, useState } from 'preact/hooks';
import { FIELDS, parseQuery, termText } from '../../src/ui/query.ts';
import { address, go } from './address.ts';
import { plain } from './name.tsx';

const EXAMPLES = [
  ['verdict:dropped', 'what was dropped'],
  ['-from:world -to:world', 'within the cluster'],
  ['type:open', 'connections that opened'],
] as const;

export function FilterBar() {
  const { query, mutes } = address.value;
  const [text, setText] = useState(query);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => setText(query), [query]);
  const { problems } = parseQuery(text);
  const apply = (event: Event): void => {
    event.preventDefault();
    if (problems.length === 0) go({ query: text.trim() });
  };
  return (
    <form class="filter" role="search" onSubmit={apply}>
      <label class="hidden" for="query">
        Filter
      </label>
      <input
        id="query"
        ref={input}
        type="search"
        value={text}
        placeholder="Filter: verdict:dropped ns:shop -port:53 ..."
        autocomplete="off"
        spellcheck={false}
        maxLength={4096}
        list="fields"
        aria-invalid={problems.length > 0}
        aria-describedby="filter-problem"
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') input.current?.blur();
        }}
        // The cross of a search field empties it, and nothing else says so.
        onSearch={(event) => {
          if (event.currentTarget.value === '') go({ query: '' });
        }}
      />
      <datalist id="fields">
        {Object.entries(FIELDS).map(([name, what]) => (
          <option key={name} value={`${name}:`}>
            {what}
          </option>
        ))}
      </datalist>
      <button type="submit" class="main" disabled={problems.length > 0}>
        Filter
      </button>
      <span id="filter-problem" class="problem" role="status">
        {problems.map(plain).join('; ')}
      </span>
      <Terms />
      {query === '' &&
        mutes.length === 0 &&
        EXAMPLES.map(([example, what]) => (
          <button
            key={example}
            type="button"
            class="chip example"
            title={example}
            onClick={() => go({ query: example })}
          >
            {what}
          </button>
        ))}
    </form>
  );
}

/** What holds now, each to be taken away. */
function Terms() {
  const { query, mutes } = address.value;
  const { alternatives } = parseQuery(query);
  const without = (at: number, index: number): string =>
    alternatives
      .map((terms, i) => terms.filter((_, j) => i !== at || j !== index).map(termText))
      .filter((terms) => terms.length > 0)
      .map((terms) => terms.join(' '))
      .join(' or ');
  return (
    <>
      {alternatives.map((terms, at) => [
        at > 0 && <span class="or">or</span>,
        ...terms.map((term, index) => (
          <Chip
            key={`${at} ${index}`}
            text={termText(term)}
            what="filter"
            onRemove={() => go({ query: without(at, index) })}
          />
        )),
      ])}
      {mutes.map((text) => (
        <Chip
          key={`mute ${text}`}
          text={text}
          what="mute"
          onRemove={() => go({ mutes: mutes.filter((other) => other !== text) })}
        />
      ))}
    </>
  );
}

function Chip({
  text,
  what,
  onRemove,
}: {
  readonly text: string;
  readonly what: 'filter' | 'mute';
  readonly onRemove: () => void;
}) {
  return (
    <button type="button" class={`chip ${what}`} onClick={onRemove} aria-label={`Remove the ${what} ${plain(text)}`}>
      {what === 'mute' && <span aria-hidden="true">muted </span>}
      <bdi>{plain(text)}</bdi>
      <span aria-hidden="true"> ×</span>
    </button>
  );
}
