export { ControllerManager } from './controller-manager.ts';
export { EndpointSliceController } from './endpoint-slice-controller.ts';
export { Scheduler } from './scheduler.ts';
