/** Services on this node: what decides about them, what their backends are asked, and whose sockets are turned. */
export { ServiceHooks } from './service-hooks.ts';
export { openServices, type Services, servicesOfNode } from './services.ts';
