import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorMessage, type Logger } from '../../base/index.ts';
import { type Attachment, CniFrameReader, type CniRequest, parseCniRequest } from '../../endpoint/index.ts';

type DeleteRequest = Extract<CniRequest, { command: 'DEL' }>;
type Deferred = { readonly file: string; readonly request: DeleteRequest };

/** As cni/membrane-cni.c has it. */
export const deferredFolder = (cniSocket: string): string => join(dirname(cniSocket), 'cni-deleted');

/**
 * What the runtime wanted deleted while no agent answered: the plugin leaves its request in a folder beside the socket and
 * says yes, since some runtimes ask but once (cni/membrane-cni.c). One file an attachment, `<container>@<interface>`,
 * written whole; only root can.
 */
export class DeferredDeletes {
  readonly #folder: string;
  readonly #log: Logger;

  constructor(options: { readonly cniSocket: string; readonly log: Logger }) {
    this.#folder = deferredFolder(options.cniSocket);
    this.#log = options.log;
  }

  /** Of one attachment, or all. Files that say nothing are removed: whatever they were, their writer was told otherwise. */
  list(attachment?: Attachment): Deferred[] {
    return this.#files(attachment).flatMap((file) => {
      try {
        const request = readRequest(file);
        return request === undefined ? [] : [{ file, request }];
      } catch (error) {
        this.#log.error({ file, error: errorMessage(error) }, 'a deferred CNI request cannot be read');
        this.done(file);
        return [];
      }
    });
  }

  has(file: string): boolean {
    return existsSync(file);
  }

  done(file: string): void {
    rmSync(file, { force: true });
  }

  #files(attachment: Attachment | undefined): string[] {
    if (attachment !== undefined) return [join(this.#folder, `${attachment.containerId}@${attachment.ifname}`)];
    try {
      // What begins with a dot is being written.
      const names = readdirSync(this.#folder).filter((name) => !name.startsWith('.'));
      return names.map((name) => join(this.#folder, name));
    } catch {
      return [];
    }
  }
}

function readRequest(file: string): DeleteRequest | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch {
    return undefined;
  }
  const frame = new CniFrameReader().push(bytes);
  if (frame === undefined) throw new TypeError('it is cut off');
  const request = parseCniRequest(frame);
  if (request.command !== 'DEL') throw new TypeError(`it is ${request.command}, not DEL`);
  return request;
}
