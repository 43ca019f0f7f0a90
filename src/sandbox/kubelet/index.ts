export { containerCapabilities, setprivArgs } from './capabilities.ts';
export type { ExecTarget } from './container-runner.ts';
export { parseImageMap } from './images/image-map.ts';
export type { ImageTable } from './images/image-table.ts';
export { execArgv, podEnvironment } from './isolation.ts';
export { Kubelet, type KubeletOptions } from './kubelet.ts';
export { containerLogName, podLogDir, readLog } from './log-files.ts';
