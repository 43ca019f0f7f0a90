import { at, isObject, type Json, listAt, stringAt } from '../json.ts';
import { type FieldError, forbiddenField, invalid, required } from './field-error.ts';
import { validateLabels } from './metadata.ts';
import { labelKeyFaults, labelValueFaults } from './names.ts';

/** A `metav1.LabelSelector` inside an object. */
export function validateLabelSelector(selector: Json | undefined, field: string): FieldError[] {
  if (!isObject(selector)) return [];
  const errors = validateLabels(at(selector, 'matchLabels'), `${field}.matchLabels`);
  for (const [index, expression] of listAt(selector, 'matchExpressions').entries()) {
    errors.push(...validateExpression(expression, `${field}.matchExpressions[${index}]`));
  }
  return errors;
}

function validateExpression(expression: Json, field: string): FieldError[] {
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
  for (const [index, value] of values.entries()) {
    if (typeof value !== 'string') continue;
    for (const fault of labelValueFaults(value)) errors.push(invalid(`${field}.values[${index}]`, value, fault));
  }
  return errors;
}
