import { errorTable } from '../base/index.ts';

export const modelErrors = errorTable({
  E_MODEL_LABEL: {
    what: 'not a label',
    remedy: 'Write a label as source:key=value with the source k8s, reserved or cidr, e.g. k8s:app=web.',
  },
});
