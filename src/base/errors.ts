/** A stable, documented reason for a failure, e.g. `E_DATAPATH_MAP_FULL`. Never reused for another meaning. */
export type ErrorCode = `E_${string}`;

/** What an error table says about one code; `docs/ERRORS.md` is generated from all tables. */
export type ErrorSpec = {
  /** One sentence: what went wrong. */
  readonly what: string;
  /** One sentence: what the reader can do about it. */
  readonly remedy: string;
};

export type ErrorDetails = {
  /** On what it failed (a path, an object's namespace/name, a field path), and found against expected. */
  readonly detail?: string;
  readonly cause?: unknown;
  /** Overrides the table's remedy where the place knows better. */
  readonly remedy?: string;
};

/** The only error class that crosses a module's border. Match on `code`, never on `message`. */
export class MembraneError extends Error {
  override readonly name = 'MembraneError';
  readonly code: ErrorCode;
  readonly remedy: string;

  constructor(code: ErrorCode, message: string, remedy: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.remedy = remedy;
  }
}

export type ErrorTable<C extends ErrorCode> = {
  readonly specs: Readonly<Record<C, ErrorSpec>>;
  /** Makes (does not throw) the error of this code. */
  readonly make: (code: C, details?: ErrorDetails) => MembraneError;
};

/** Declares a module's error table. One table a module, in its `errors.ts`. */
export function errorTable<C extends ErrorCode>(specs: Readonly<Record<C, ErrorSpec>>): ErrorTable<C> {
  return {
    specs,
    make(code, details = {}) {
      const spec = specs[code];
      const message = details.detail === undefined ? spec.what : `${spec.what}: ${details.detail}`;
      return new MembraneError(code, message, details.remedy ?? spec.remedy, details.cause);
    },
  };
}

export function isMembraneError(value: unknown, code?: ErrorCode): value is MembraneError {
  return value instanceof MembraneError && (code === undefined || value.code === code);
}

/** The message of anything that was thrown, with the chain of causes, on one line. */
export function errorMessage(value: unknown): string {
  if (!(value instanceof Error)) return String(value);
  const own = value instanceof MembraneError ? `${value.message} [${value.code}]` : value.message;
  return value.cause === undefined ? own : `${own} (caused by: ${errorMessage(value.cause)})`;
}
