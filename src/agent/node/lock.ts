import { readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { agentErrors } from '../errors.ts';
import { makeDirectory } from './directory.ts';

/** Held until `release`, or until the process dies: the kernel gives it back, so there is no stale lock. */
export type Lock = { release(): void };

/**
 * One agent a node. The lock is an open transaction on a database file, because that is the one lock of the file system
 * that Node can take and that ends with the process, however it ends. E_AGENT_RUNNING, E_AGENT_STATE.
 */
export function takeLock(stateDir: string): Lock {
  let database: DatabaseSync;
  try {
    makeDirectory(stateDir);
    database = new DatabaseSync(`${stateDir}/agent.lock`, { timeout: 0 });
  } catch (cause) {
    throw agentErrors.make('E_AGENT_STATE', { detail: stateDir, cause });
  }
  try {
    database.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (!isBusy(error)) throw agentErrors.make('E_AGENT_STATE', { detail: stateDir, cause: error });
    throw agentErrors.make('E_AGENT_RUNNING', { detail: `process ${readPid(stateDir)} holds ${stateDir}/agent.lock` });
  }
  writeFileSync(`${stateDir}/agent.pid`, `${process.pid}\n`, { mode: 0o600 });
  return { release: () => database.close() };
}

/** Another connection holds the lock: the low byte of SQLite's result codes, the rest says of what. */
const SQLITE_BUSY = 5;

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === SQLITE_BUSY;
}

function readPid(stateDir: string): string {
  try {
    return readFileSync(`${stateDir}/agent.pid`, 'utf8').trim();
  } catch {
    return '(unknown)';
  }
}
