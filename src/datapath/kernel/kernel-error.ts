import { isMembraneError, type MembraneError } from '../../base/index.ts';
import { datapathErrors } from '../errors.ts';
import { hasErrno } from './errno.ts';

type Code = keyof typeof datapathErrors.specs;

/** A system call's failure as the error of this folder: privilege and full maps have codes of their own. */
export function kernelError(code: Code, detail: string, cause: unknown): MembraneError {
  if (isMembraneError(cause)) return cause;
  if (hasErrno(cause, 'EPERM', 'EACCES')) return datapathErrors.make('E_DATAPATH_PERMISSION', { detail, cause });
  if (code === 'E_DATAPATH_MAP' && hasErrno(cause, 'E2BIG', 'ENOSPC', 'ENOMEM')) {
    return datapathErrors.make('E_DATAPATH_MAP_FULL', { detail, cause });
  }
  return datapathErrors.make(code, { detail, cause });
}
