import { tenancySchema } from '../../src/tenant/index.ts';
import type { Values } from './values.ts';

type WithTenancy = { readonly tenancy?: object };

const SYSTEM_NAMESPACES = tenancySchema.parse(undefined).systemNamespaces;

/**
 * A place in a manifest where a value goes. In Helm's templates it is one expression of one form; in the manifests it is
 * the value itself. Nothing else differs between the two.
 */
export class Setting {
  readonly #read: (values: Values) => unknown;
  readonly expression: string;

  private constructor(expression: string, read: (values: Values) => unknown) {
    this.expression = expression;
    this.#read = read;
  }

  /** `resources`, `image.pullPolicy` */
  static value(path: string): Setting {
    return new Setting(`{{ .Values.${path} | toJson }}`, (values) => at(values, path));
  }

  /** Several values in one text, like `%s:%s`. */
  static text(format: string, ...paths: readonly string[]): Setting {
    const places = paths.map((path) => `.Values.${path}`).join(' ');
    return new Setting(`{{ printf "${format}" ${places} | toJson }}`, (values) =>
      paths.reduce((text, path) => text.replace('%s', String(at(values, path))), format),
    );
  }

  /**
   * Of a section the text of a file, in JSON, for a program that must know whose the namespaces are: what it says of `tenancy`, else what
   * `shared` says of it, and that the release's own namespace, called `name` in the manifests, is the system's.
   */
  static programFile(path: string, shared: string, name: string): Setting {
    const others = SYSTEM_NAMESPACES.filter((one) => one !== name);
    const own = `dict "tenancy" (dict "systemNamespaces" (list ${others.map((one) => JSON.stringify(one)).join(' ')} .Release.Namespace))`;
    const rest = path === shared ? '' : ` (pick .Values.${shared} "tenancy" | deepCopy)`;
    return new Setting(`{{ merge (deepCopy .Values.${path})${rest} (${own}) | toJson | toJson }}`, (values) => {
      const said = at(values, path) as WithTenancy;
      const tenancy = { ...(at(values, shared) as WithTenancy).tenancy, ...said.tenancy };
      return JSON.stringify({ ...said, tenancy: { systemNamespaces: [...others, name], ...tenancy } });
    });
  }

  static namespace(name: string): Setting {
    return new Setting('{{ .Release.Namespace | toJson }}', () => name);
  }

  /** Where `%s` stands in a text. */
  static withNamespace(format: string, name: string): Setting {
    return new Setting(`{{ printf ${JSON.stringify(format)} .Release.Namespace | toJson }}`, () =>
      format.replace('%s', name),
    );
  }

  of(values: Values): unknown {
    return this.#read(values);
  }
}

function at(values: Values, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], values);
}

/** The same object with every setting in it replaced. */
export function settled(value: unknown, replace: (setting: Setting) => unknown): unknown {
  if (value instanceof Setting) return replace(value);
  if (Array.isArray(value)) return value.map((one) => settled(one, replace));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, settled(one, replace)]));
}
