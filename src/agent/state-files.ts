import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { z } from 'zod';
import { decodeRecord, type EndpointRecord, encodeRecord } from '../endpoint/index.ts';
import type { EndpointId } from '../model/index.ts';
import { makeDirectory } from './directory.ts';
import { agentErrors } from './errors.ts';

const cursorsSchema = z.object({ endpoint: z.int(), address: z.int() });
export type Cursors = z.infer<typeof cursorsSchema>;

/**
 * The files of one agent, on tmpfs as a rule. A file is written beside its place and renamed into it, so that a reader
 * after a crash finds the old one or the new one.
 */
export class StateFiles {
  readonly #dir: string;
  readonly #endpoints: string;

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

  /** What can be read; files that cannot are dropped, and what they described is cleaned up as an orphan. */
  endpoints(): EndpointRecord[] {
    return readdirSync(this.#endpoints).flatMap((name) => {
      const path = `${this.#endpoints}/${name}`;
      const record = name.endsWith('.json') ? decodeRecord(readFileSync(path, 'utf8')) : undefined;
      if (record !== undefined && name === `${record.id}.json`) return [record];
      rmSync(path, { force: true, recursive: true });
      return [];
    });
  }

  putEndpoint(record: EndpointRecord): void {
    this.#write(`${this.#endpoints}/${record.id}.json`, encodeRecord(record));
  }

  deleteEndpoint(id: EndpointId): void {
    rmSync(`${this.#endpoints}/${id}.json`, { force: true });
  }

  cursors(): Cursors {
    const parsed = cursorsSchema.safeParse(this.readJson('cursors'));
    return parsed.success ? parsed.data : { endpoint: 0, address: 0 };
  }

  putCursors(cursors: Cursors): void {
    this.writeJson('cursors', cursors);
  }

  /** Undefined when there is none or it is torn. */
  readJson(name: string): unknown {
    try {
      return JSON.parse(readFileSync(`${this.#dir}/${name}.json`, 'utf8'));
    } catch {
      return undefined;
    }
  }

  writeJson(name: string, value: unknown): void {
    this.#write(`${this.#dir}/${name}.json`, `${JSON.stringify(value)}\n`);
  }

  #write(path: string, text: string): void {
    const temporary = `${path}.new`;
    try {
      const fd = openSync(temporary, 'w', 0o600);
      try {
        writeSync(fd, text);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(temporary, path);
    } catch (cause) {
      throw agentErrors.make('E_AGENT_STATE', { detail: path, cause });
    }
  }
}
