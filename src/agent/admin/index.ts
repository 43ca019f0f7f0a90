/** What the agent tells whoever asks. */
export { openAdmin } from './open-admin.ts';
export { tenantRefusals } from './tenant-refusals.ts';
