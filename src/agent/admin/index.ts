/** What the agent tells whoever asks. */
export { openAdmin } from './open-admin.ts';
