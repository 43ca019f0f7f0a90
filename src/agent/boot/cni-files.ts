import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { HOME } from '../../base/home.ts';
import { writeWhole } from '../../base/index.ts';
import { agentErrors } from '../errors.ts';

/** Where container runtimes look for plugins, and for what is to be done with pods. */
export type CniFolders = { readonly binDir: string; readonly confDir: string };

const PLUGIN = 'membrane-cni';
/** Before those of others: a runtime takes the first by name. */
const CONFIG = '05-membrane.conflist';
/** Brings up a pod's loopback device: containerd before 2.0 starts no pod without it, whatever is configured. */
const LOOPBACK = 'loopback';
/** What runtimes read: other names are nobody's (libcni). */
const IS_CONFIG = /\.(conf|conflist|json)$/;

/**
 * Runtimes that do not know `cniVersions` take the older version; those that do ask for GC and STATUS, too (CNI spec 1.1,
 * section 1).
 */
const NETWORK = {
  cniVersion: '1.0.0',
  cniVersions: ['0.4.0', '1.0.0', '1.1.0'],
  name: 'membrane',
  plugins: [{ type: PLUGIN, capabilities: { ips: true } }],
};

export type CniInstallation = {
  /** Paths of what was written; empty: it was there already. */
  readonly written: readonly string[];
  /** Configurations that runtimes take before ours. */
  readonly before: readonly string[];
  /** Plugins that some runtimes need besides, and that are not there. */
  readonly absent: readonly string[];
};

/** Puts the plugin, and then the configuration that names it, each whole or not at all. Others' files are left alone. E_AGENT_CNI_FILES. */
export function installCni({ binDir, confDir }: CniFolders, source = builtPlugin()): CniInstallation {
  const files = [
    { folder: binDir, name: PLUGIN, content: read(source), mode: 0o755 },
    { folder: confDir, name: CONFIG, content: Buffer.from(`${JSON.stringify(NETWORK, null, 2)}\n`), mode: 0o644 },
  ];
  const written = files.flatMap((file) => (put(file) ? [join(file.folder, file.name)] : []));
  const before = readdirSync(confDir).filter((name) => IS_CONFIG.test(name) && name < CONFIG);
  const absent = [join(binDir, LOOPBACK)].filter((path) => !existsSync(path));
  return { written, before: before.map((name) => join(confDir, name)), absent };
}

/** The configuration first: no runtime is to look for a plugin that is gone. Gives what there was. */
export function removeCni({ binDir, confDir }: CniFolders): string[] {
  const paths = [join(confDir, CONFIG), join(binDir, PLUGIN)];
  return paths.filter((path) => {
    if (tryRead(path) === undefined) return false;
    rmSync(path, { force: true });
    return true;
  });
}

function put({
  folder,
  name,
  content,
  mode,
}: {
  folder: string;
  name: string;
  content: Buffer;
  mode: number;
}): boolean {
  const path = join(folder, name);
  // Hidden, and no configuration by its name.
  const temporary = join(folder, `.${name}.new`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    if (tryRead(path)?.equals(content) === true) return false;
    writeWhole(path, content, { temporary, mode });
    return true;
  } catch (cause) {
    throw agentErrors.make('E_AGENT_CNI_FILES', { detail: path, cause });
  }
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw agentErrors.make('E_AGENT_CNI_FILES', { detail: path, cause });
  }
}

function tryRead(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

const builtPlugin = (): string => join(HOME, 'build', PLUGIN);
