import { errorMessage } from '../../base/index.ts';
import { cronJobController } from './cron-jobs/cron-job-controller.ts';
import { daemonSetController } from './daemon-sets/daemon-set-controller.ts';
import { deploymentController } from './deployments/deployment-controller.ts';
import { disruptionController } from './disruption/disruption-controller.ts';
import { endpointsController } from './endpoints/endpoints-controller.ts';
import { mirroringController } from './endpoints/mirroring-controller.ts';
import { GarbageCollector } from './garbage/garbage-collector.ts';
import { jobController } from './jobs/job-controller.ts';
import { type ControllerContext, Informers } from './kit/context.ts';
import type { Controller } from './kit/controller.ts';
import { REPLICA_SET, REPLICATION_CONTROLLER } from './replica-sets/kinds.ts';
import { replicaController } from './replica-sets/replica-set-controller.ts';
import { statefulSetController } from './stateful-sets/stateful-set-controller.ts';
import { claimController } from './volumes/claim-controller.ts';
import { reclaimController } from './volumes/reclaim-controller.ts';

/** All controllers that make the objects of workloads come true. */
export class ControllerManager {
  readonly #context: ControllerContext;
  readonly #controllers: readonly (Controller | GarbageCollector)[];

  constructor(options: Omit<ControllerContext, 'informers'>) {
    const context = { ...options, informers: new Informers(options) };
    this.#context = context;
    this.#controllers = [
      new GarbageCollector(context),
      replicaController(context, REPLICA_SET),
      replicaController(context, REPLICATION_CONTROLLER),
      deploymentController(context),
      statefulSetController(context),
      daemonSetController(context),
      jobController(context),
      cronJobController(context),
      claimController(context),
      reclaimController(context),
      disruptionController(context),
      endpointsController(context),
      mirroringController(context),
    ];
  }

  /** Resolves once the signal is aborted and nobody watches any more. */
  async run(signal: AbortSignal): Promise<void> {
    const { informers, log } = this.#context;
    for (const controller of this.#controllers) controller.start(signal);
    try {
      await informers.run(signal);
    } catch (error) {
      if (!signal.aborted) log.error({ error: errorMessage(error) }, 'watch ended');
    }
  }
}
