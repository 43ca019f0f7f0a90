import { Environment } from '@marcbachmann/cel-js';
import { celValue } from '../custom/cel.ts';
import { type Json, listAt, stringAt } from '../json.ts';
import { type Authorization, registerAuthorization } from './authorization.ts';

type Program = (context: Record<string, unknown>) => unknown;

const environment = new Environment({ homogeneousAggregateLiterals: false, enableOptionalTypes: true });
for (const name of ['object', 'oldObject', 'request', 'params', 'namespaceObject', 'variables']) {
  environment.registerVariable(name, 'dyn');
}
registerAuthorization(environment);
/** By text: a policy is asked about many requests. */
const programs = new Map<string, Program>();
const MAX_PROGRAMS = 1_000;

function programOf(expression: string): Program {
  const known = programs.get(expression);
  if (known !== undefined) return known;
  if (programs.size >= MAX_PROGRAMS) programs.clear();
  const made = environment.parse(expression) as Program;
  programs.set(expression, made);
  return made;
}

const firstLine = (error: unknown): string => (error as Error).message.split('\n')[0] ?? '';

/** Why an expression cannot be used; `undefined`: it can. */
export function expressionFault(expression: string): string | undefined {
  try {
    programOf(expression);
    return undefined;
  } catch (error) {
    return firstLine(error);
  }
}

export type Outcome = { readonly value: unknown } | { readonly failure: string };

/** What expressions of one policy say of one request. */
export class Scope {
  readonly #context: Record<string, unknown>;

  /** `variables`: as the policy defines them, each of which sees those before it; a value is made when it is asked for. */
  constructor(
    values: Readonly<Record<string, Json | undefined>>,
    variables: readonly Json[],
    authorizer: Authorization,
  ) {
    const known = {};
    for (const variable of variables) {
      const expression = stringAt(variable, 'expression') ?? '';
      let made: { readonly value: unknown } | undefined;
      const get = (): unknown => {
        made ??= { value: programOf(expression)(this.#context) };
        return made.value;
      };
      Object.defineProperty(known, stringAt(variable, 'name') ?? '', { enumerable: true, get });
    }
    const entries = Object.entries(values).map(([name, value]) => [name, celValue(value ?? null, undefined)]);
    this.#context = { ...Object.fromEntries(entries), variables: known, authorizer };
  }

  evaluate(expression: string): Outcome {
    try {
      return { value: programOf(expression)(this.#context) };
    } catch (error) {
      return { failure: `expression '${expression}' resulted in error: ${firstLine(error)}` };
    }
  }

  /** Of match conditions: the first that does not hold, or has no answer while none is false. */
  conditions(conditions: readonly Json[]): 'hold' | 'do not hold' | { readonly failure: string } {
    let failed: { readonly failure: string } | undefined;
    for (const condition of conditions) {
      const outcome = this.evaluate(stringAt(condition, 'expression') ?? '');
      if ('failure' in outcome) failed ??= outcome;
      else if (outcome.value !== true) return 'do not hold';
    }
    return failed ?? 'hold';
  }
}

/** Where the expressions of a policy stand. */
export function* expressionsOf(policy: Json): Iterable<{ readonly field: string; readonly expression: string }> {
  for (const list of ['validations', 'matchConditions', 'variables', 'auditAnnotations']) {
    for (const [index, entry] of listAt(policy, 'spec', list).entries()) {
      for (const key of ['expression', 'messageExpression', 'valueExpression']) {
        const expression = stringAt(entry, key);
        if (expression !== undefined) yield { field: `spec.${list}[${index}].${key}`, expression };
      }
    }
  }
}
