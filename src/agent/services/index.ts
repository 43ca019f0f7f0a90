/** Services on this node: what decides about them, what their backends are asked, and whose sockets are turned. */
export { type NodeServices, openServices } from './open-services.ts';
export { type Services, servicesOfNode } from './services.ts';
