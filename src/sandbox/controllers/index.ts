export { ControllerManager } from './controller-manager.ts';
export { EndpointSliceController } from './endpoint-slice-controller.ts';
export { PodsOfGoneNodes } from './pods-of-gone-nodes.ts';
export { Scheduler } from './scheduler.ts';
