export { containerCapabilities, setprivArgs } from './capabilities.ts';
export type { ExecTarget } from './container-runner.ts';
export { execArgv } from './isolation.ts';
export { Kubelet, type KubeletOptions } from './kubelet.ts';
export { containerLogName, podLogDir, readLog } from './log-files.ts';
