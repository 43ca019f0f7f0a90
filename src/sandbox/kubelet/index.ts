export type { ExecTarget } from './container-runner.ts';
export { containerLogPath } from './container-runner.ts';
export { execArgv } from './isolation.ts';
export { Kubelet, type KubeletOptions } from './kubelet.ts';
export { limitLogs, readLog } from './log-files.ts';
