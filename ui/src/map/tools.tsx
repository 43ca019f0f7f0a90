type ToolsProps = {
  /** By a factor, about the middle. */
  readonly zoom: (by: number) => void;
  /** Shows all of the map. */
  readonly fit: () => void;
  readonly hasFolded: boolean;
  /** Folds all islands, or unfolds them. */
  readonly fold: () => void;
};

const STEP = 1.3;

export function Tools({ zoom, fit, hasFolded, fold }: ToolsProps) {
  return (
    <div class="tools">
      <button type="button" aria-label="Nearer" title="Nearer" onClick={() => zoom(STEP)}>
        +
      </button>
      <button type="button" aria-label="Further" title="Further" onClick={() => zoom(1 / STEP)}>
        −
      </button>
      <button type="button" aria-label="All of it" title="All of it" onClick={fit}>
        ⤢
      </button>
      <button type="button" onClick={fold}>
        {hasFolded ? 'Unfold' : 'Fold'} all
      </button>
    </div>
  );
}
