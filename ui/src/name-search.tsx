import type { ComponentChildren } from 'preact';

type NameSearchProps = {
  /** What is listed, in the plural. */
  readonly what: string;
  readonly wanted: string;
  readonly onWanted: (part: string) => void;
  /** What is said behind the field. */
  readonly children?: ComponentChildren;
};

/** Of a list of which not all is drawn: what is wanted, by a part of its name. */
export function NameSearch({ what, wanted, onWanted, children }: NameSearchProps) {
  return (
    <label class="note">
      Only {what} whose name has{' '}
      <input
        type="search"
        value={wanted}
        maxLength={253}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => onWanted(event.currentTarget.value)}
      />
      {children}
    </label>
  );
}
