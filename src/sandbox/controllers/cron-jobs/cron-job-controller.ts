import { namespacedName } from '../../../base/index.ts';
import { type ControllerContext, recorderFor } from '../kit/context.ts';
import { Controller } from '../kit/controller.ts';
import { keeperOf } from '../kit/owner.ts';
import { CronJobRound } from './cron-job-round.ts';

const NAME = 'cronjob-controller';

/** Makes a job each time that a schedule says so, and forgets old ones. */
export function cronJobController(context: ControllerContext): Controller {
  const events = recorderFor(context, NAME);
  return new Controller(context, {
    name: NAME,
    watches: [
      { resource: 'cronjobs', concerns: ({ metadata }) => [namespacedName(metadata)] },
      { resource: 'jobs', concerns: (job) => keeperOf(job, { kind: 'CronJob', group: 'batch' }) },
    ],
    sync: (key) => {
      const cronJob = context.store.get('cronjobs', key);
      return cronJob === undefined ? undefined : new CronJobRound({ context, events, cronJob }).run();
    },
  });
}
