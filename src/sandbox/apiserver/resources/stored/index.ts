import type { ResourceDefinition } from '../../resource.ts';
import { mutatingWebhookConfigurations, validatingWebhookConfigurations } from './admission.ts';
import { horizontalPodAutoscalers } from './autoscalers.ts';
import { horizontalPodAutoscalersV1 } from './autoscalers-v1.ts';
import { ingressClasses, ingresses } from './ingresses.ts';
import { limitRanges, priorityClasses, resourceQuotas } from './limits.ts';
import { persistentVolumeClaims, persistentVolumes, storageClasses } from './volumes.ts';

/** Kinds that are checked and kept, and that nobody acts on: whoever writes one is told so. */
export const storedOnly: readonly ResourceDefinition[] = [
  persistentVolumeClaims,
  persistentVolumes,
  storageClasses,
  ingresses,
  ingressClasses,
  horizontalPodAutoscalers,
  horizontalPodAutoscalersV1,
  priorityClasses,
  resourceQuotas,
  limitRanges,
  validatingWebhookConfigurations,
  mutatingWebhookConfigurations,
];
