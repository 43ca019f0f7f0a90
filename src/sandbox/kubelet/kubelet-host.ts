import type { Logger } from '../../base/index.ts';
import type { ApiStore } from '../apiserver/index.ts';
import type { EventRecorder } from '../client/index.ts';
import type { NodePlace } from '../machine/index.ts';
import type { DnsSettings } from './etc/resolv-conf.ts';
import type { Images } from './images/images.ts';
import type { PodObjects } from './pod-objects.ts';
import type { SandboxHost } from './pod-sandbox.ts';
import type { Semaphore } from './semaphore.ts';
import type { PodTokens } from './volumes/tokens.ts';

/** What all workers of one node share. */
export type KubeletHost = {
  readonly node: NodePlace;
  readonly store: ApiStore;
  readonly events: EventRecorder;
  readonly objects: PodObjects;
  readonly tokens: PodTokens;
  readonly images: Images;
  readonly dns: DnsSettings;
  readonly sandboxes: SandboxHost;
  /** Starting a pod is a dozen processes: a few at a time are fastest. */
  readonly starts: Semaphore;
  /** Aborted when the whole sandbox goes: nothing is reported or detached one by one any more. */
  readonly shutdown: AbortSignal;
  /** First and largest delay of CrashLoopBackOff, ms. */
  readonly restartDelay: { readonly initialMs: number; readonly maxMs: number };
  readonly log: Logger;
};
