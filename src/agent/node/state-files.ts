import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { z } from 'zod';
import { errorMessage, writeWhole } from '../../base/index.ts';
import { decodeRecord, type EndpointRecord, encodeRecord, LAST_ENDPOINT_ID } from '../../endpoint/index.ts';
import { type EndpointId, endpointId } from '../../model/index.ts';
import { agentErrors } from '../errors.ts';
import { makeDirectory } from './directory.ts';

export type StoredEndpoints = {
  readonly records: readonly EndpointRecord[];
  /** Id -> why its record cannot be read. The file stays, for an agent that can. */
  readonly unreadable: ReadonlyMap<EndpointId, string>;
};

/**
 * The files of one agent, on tmpfs as a rule. A file is written beside its place and renamed into it, so that a reader
 * after a crash finds the old one or the new one.
 */
export class StateFiles {
  readonly #dir: string;
  readonly #endpoints: string;
  /** Files that could not be read at the start, by name, with the reason. */
  readonly problems = new Map<string, string>();

  /** Makes the directories. E_AGENT_STATE. */
  constructor(dir: string) {
    this.#dir = dir;
    this.#endpoints = `${dir}/endpoints`;
    try {
      makeDirectory(this.#endpoints);
    } catch (cause) {
      throw agentErrors.make('E_AGENT_STATE', { detail: this.#endpoints, cause });
    }
  }

  endpoints(): StoredEndpoints {
    const records: EndpointRecord[] = [];
    const unreadable = new Map<EndpointId, string>();
    for (const name of readdirSync(this.#endpoints)) {
      const number = /^([1-9]\d{0,4})\.json$/.exec(name)?.[1];
      // What a crash left beside its place, or nothing of ours.
      if (number === undefined || Number(number) > LAST_ENDPOINT_ID) continue;
      const id = endpointId(Number(number));
      try {
        const record = decodeRecord(readFileSync(`${this.#endpoints}/${name}`, 'utf8'));
        if (record.id === id) records.push(record);
        else unreadable.set(id, `it is of endpoint ${record.id}`);
      } catch (error) {
        unreadable.set(id, errorMessage(error));
      }
    }
    return { records, unreadable };
  }

  putEndpoint(record: EndpointRecord): void {
    this.#write(`${this.#endpoints}/${record.id}.json`, encodeRecord(record));
  }

  deleteEndpoint(id: EndpointId): void {
    rmSync(`${this.#endpoints}/${id}.json`, { force: true });
  }

  /**
   * What an earlier life wrote, if it is still what this one expects. Undefined when there is none or it is not: then what
   * it described is unknown, which `problems` says.
   */
  read<T>(name: string, schema: z.ZodType<T>): T | undefined {
    const path = `${this.#dir}/${name}.json`;
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      if (!isNotFound(error)) this.problems.set(name, `${path} cannot be read: ${errorMessage(error)}`);
      return undefined;
    }
    try {
      return schema.parse(JSON.parse(text));
    } catch (error) {
      const why = error instanceof z.ZodError ? z.prettifyError(error) : errorMessage(error);
      this.problems.set(name, `${path} is not what was written: ${why}`);
      return undefined;
    }
  }

  writeJson(name: string, value: unknown): void {
    this.#write(`${this.#dir}/${name}.json`, `${JSON.stringify(value)}\n`);
  }

  #write(path: string, text: string): void {
    try {
      writeWhole(path, text, { temporary: `${path}.new`, mode: 0o600 });
    } catch (cause) {
      throw agentErrors.make('E_AGENT_STATE', { detail: path, cause });
    }
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
