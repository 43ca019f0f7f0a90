import { at, isObject, type Json, listAt, stringAt } from '../base/index.ts';
import { type FieldError, forbiddenField, invalid, required } from './field-error.ts';
import { labelKeyFaults, labelValueFaults } from './name-faults.ts';

export type SelectorOptions = {
  /** Values of expressions need not be values that a label can have. Default false. */
  readonly anyValues?: boolean;
};

/** A `metav1.LabelSelector` inside an object. */
export function validateLabelSelector(
  selector: Json | undefined,
  field: string,
  options: SelectorOptions = {},
): FieldError[] {
  if (!isObject(selector)) return [];
  const errors = validateLabels(at(selector, 'matchLabels'), `${field}.matchLabels`);
  for (const [index, expression] of listAt(selector, 'matchExpressions').entries()) {
    errors.push(...validateExpression(expression, `${field}.matchExpressions[${index}]`, options));
  }
  return errors;
}

/** What newer servers refuse. */
export function labelValueWarnings(selector: Json | undefined, field: string): string[] {
  return listAt(selector, 'matchExpressions').flatMap((expression, index) =>
    valueErrors(listAt(expression, 'values'), `${field}.matchExpressions[${index}]`).map(
      ({ field: at }) => `${at}: not a value that a label can have, which newer servers refuse`,
    ),
  );
}

function validateExpression(expression: Json, field: string, { anyValues = false }: SelectorOptions): FieldError[] {
  const errors: FieldError[] = [];
  const key = stringAt(expression, 'key') ?? '';
  const operator = stringAt(expression, 'operator') ?? '';
  const values = listAt(expression, 'values');
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) {
        errors.push(required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      }
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        errors.push(
          forbiddenField(`${field}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
        );
      }
      break;
    default:
      errors.push(invalid(`${field}.operator`, operator, 'not a valid selector operator'));
  }
  for (const fault of labelKeyFaults(key)) errors.push(invalid(`${field}.key`, key, fault));
  return anyValues ? errors : [...errors, ...valueErrors(values, field)];
}

function valueErrors(values: readonly Json[], field: string): FieldError[] {
  return values.flatMap((value, index) =>
    typeof value === 'string'
      ? labelValueFaults(value).map((fault) => invalid(`${field}.values[${index}]`, value, fault))
      : [],
  );
}

export function validateLabels(labels: Json | undefined, field: string): FieldError[] {
  if (!isObject(labels)) return [];
  return Object.entries(labels).flatMap(([key, value]) => [
    ...labelKeyFaults(key).map((fault) => invalid(field, key, fault)),
    ...(typeof value === 'string' ? labelValueFaults(value).map((fault) => invalid(field, value, fault)) : []),
  ]);
}
