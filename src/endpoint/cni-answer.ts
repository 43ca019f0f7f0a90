import { type ErrorCode, errorMessage, MembraneError } from '../base/index.ts';
import type { Addr, Mac } from '../net/index.ts';
import { CNI_VERSIONS, type CniVersion } from './cni-versions.ts';

/** Numbers of the CNI specification ("Error"); 100 and above are ours. Everything else is an I/O failure. */
const NUMBERS: Readonly<Record<ErrorCode, number>> = {
  E_CNI_VERSION: 1,
  E_CNI_UNKNOWN_CONTAINER: 3,
  E_CNI_ENV: 4,
  E_CNI_FRAME: 6,
  E_CNI_DECODE: 6,
  E_CNI_CONFIG: 7,
  E_CNI_BUSY: 11,
  E_IPAM_EXHAUSTED: 100,
  E_IPAM_TAKEN: 101,
  E_IPAM_OUTSIDE: 102,
  E_CNI_EXISTS: 103,
  E_CNI_CHECK: 104,
  E_ENDPOINT_IDS: 105,
};

const CNI_IO = 5;
/** STATUS: no ADD can be served now. */
export const CNI_NOT_AVAILABLE = 50;

export type CniAnswer = { readonly exitCode: number; readonly stdout: string };

export function cniErrorNumber(error: unknown): number {
  return error instanceof MembraneError ? (NUMBERS[error.code] ?? CNI_IO) : CNI_IO;
}

/** `details` says what to do about it: the specification leaves its content to the plugin. */
export function errorAnswer(cniVersion: string, error: unknown, number = cniErrorNumber(error)): CniAnswer {
  const details = error instanceof MembraneError ? `${error.remedy} [${error.code}]` : '';
  return { exitCode: 1, stdout: JSON.stringify({ cniVersion, code: number, msg: errorMessage(error), details }) };
}

export const emptyAnswer: CniAnswer = { exitCode: 0, stdout: '' };

export function versionAnswer(cniVersion: string): CniAnswer {
  return { exitCode: 0, stdout: JSON.stringify({ cniVersion, supportedVersions: CNI_VERSIONS }) };
}

export type AddResult = {
  readonly host: { readonly name: string; readonly mac: Mac };
  readonly pod: { readonly name: string; readonly mac: Mac; readonly sandbox: string };
  readonly addr: Addr;
  readonly gateway: Addr;
  readonly mtu: number;
};

/** The result of ADD in the form of `cniVersion` (CNI specification, "ADD Success"). */
export function addAnswer(cniVersion: CniVersion, result: AddResult): CniAnswer {
  const mtu = cniVersion === '1.1.0' ? { mtu: result.mtu } : {};
  return {
    exitCode: 0,
    stdout: JSON.stringify({
      cniVersion,
      interfaces: [
        { ...result.host, ...mtu },
        { ...result.pod, ...mtu },
      ],
      ips: [
        {
          ...(cniVersion === '0.4.0' ? { version: '4' } : {}),
          address: `${result.addr}/32`,
          gateway: result.gateway,
          interface: 1,
        },
      ],
      routes: [{ dst: '0.0.0.0/0', gw: result.gateway }],
      dns: {},
    }),
  };
}
