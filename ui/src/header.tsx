import { logout } from './login.tsx';
import { Name, plain } from './name.tsx';
import { nextTheme, theme } from './theme.ts';
import { number } from './words.ts';
import { broken, counted, hello, inventory, lost } from './world.ts';

const MARKS = { system: '◐', light: '☀', dark: '☾' } as const;

export function Header() {
  const { nodes, policies, workloads, isPartial } = inventory.value;
  const { cluster = '', who = '', hasLogin = false } = hello.value ?? {};
  return (
    <header class="top">
      <h1>
        <img src="/favicon.svg" alt="" width="22" height="22" />
        membrane
      </h1>
      {cluster !== '' && (
        <span class="cluster">
          <Name text={cluster} title={cluster} />
        </span>
      )}
      <ul class="nodes" aria-label="Nodes">
        {nodes.map(({ name, ready, silent }) => (
          <li
            key={name}
            class={silent !== undefined ? 'bad' : ready ? 'good' : 'warn'}
            title={plain(`${name}: ${silent ?? (ready ? 'ready' : 'not ready yet')}`)}
          >
            <Name text={name} />
            <span class="hidden">
              {silent !== undefined ? ' does not answer' : ready ? ' is ready' : ' is not ready'}
            </span>
          </li>
        ))}
      </ul>
      <span class="sums">
        {isPartial !== true && `${number(workloads.length)} workloads · ${number(policies)} policies`}
      </span>
      <Loss />
      {hasLogin && (
        <span class="who">
          <Name text={who} />
          <button type="button" class="link" onClick={() => void logout()}>
            Log out
          </button>
        </span>
      )}
      <button
        type="button"
        class="quiet"
        onClick={nextTheme}
        aria-label={`Colours: ${theme.value}`}
        title={`Colours: ${theme.value}`}
      >
        {MARKS[theme.value]}
      </button>
      {broken.value !== undefined && (
        <p class="broken" role="alert">
          <strong>{plain(broken.value.message)}</strong> {plain(broken.value.remedy)}
        </p>
      )}
    </header>
  );
}

/** All flows that came are in one of these, or it would not be the whole picture. */
function Loss() {
  const { listed, unlisted, muted, unmatched } = counted.value;
  const { kernel, reader, store } = lost.value;
  const missing = kernel + reader;
  const isOwn = hello.value?.hasLogin === true;
  const parts = [
    `${number(listed)} listed`,
    `${number(unlisted)} forwarded, too many to list`,
    `${number(muted)} muted`,
    `${number(unmatched)} filtered out`,
    `lost in the kernel's ring: ${number(kernel)}`,
    `lost on the way here: ${number(reader)}`,
    `older ones no longer kept: ${number(store)}`,
    ...(isOwn ? ['what nodes lost is told to who may see the flows of all namespaces'] : []),
  ];
  return (
    <span
      class={`loss ${missing > 0 ? 'bad' : 'good'}`}
      title={parts.join('\n')}
      data-counted={JSON.stringify({ ...counted.value, ...lost.value })}
    >
      <span class="sum">{number(listed + unlisted + muted + unmatched)} flows</span>
      {unlisted > 0 && <span>{number(unlisted)} not listed</span>}
      {muted > 0 && <span>{number(muted)} muted</span>}
      <strong>{missing > 0 ? `${number(missing)} lost` : isOwn ? 'no loss told' : 'none lost'}</strong>
    </span>
  );
}
