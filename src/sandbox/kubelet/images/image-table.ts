import { matchesImage } from './image-name.ts';

/** What stands for an image: the program of this machine that it would start. */
export type ImageEntry = {
  /** See `matchesImage`. */
  readonly pattern: string;
  /** A container's `command` takes the place of it. */
  readonly entrypoint: readonly string[];
  /** A container's `args` take the place of it; neither counts where the container has a `command`. */
  readonly args: readonly string[];
  readonly workingDir?: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** Files of this machine that are in the image, by their path in it; whoever the container runs as may read them. */
  readonly files?: Readonly<Record<string, string>>;
  /** The Debian package that brings the program, for whoever has not got it. */
  readonly package?: string | undefined;
};

export type ImageTable = readonly ImageEntry[];

export type ImageCommand =
  | {
      readonly kind: 'command';
      readonly argv: readonly string[];
      readonly workingDir: string | undefined;
      readonly env: Readonly<Record<string, string>>;
      readonly files: Readonly<Record<string, string>>;
    }
  /** What to do about it. */
  | { readonly kind: 'none'; readonly message: string };

export type Asked = {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
};

/** By its whole path, or by its name where one looks for programs. */
function isCalled(path: string, program: string): boolean {
  return path === program || path === `/usr/local/bin/${program}`;
}

/**
 * The command of a container, as a runtime makes it of an image and a container. The first entry that matches counts;
 * `has` tells whether this machine has a program.
 */
export function imageCommand(table: ImageTable, asked: Asked, has: (program: string) => boolean): ImageCommand {
  const { name, image, command, args } = asked;
  const entry = table.find(({ pattern }) => matchesImage(pattern, image));
  const { workingDir, env = {}, files = {} } = entry ?? {};
  const made = { kind: 'command', workingDir, env, files } as const;
  if (command.length > 0) return { ...made, argv: [...command, ...args] };
  if (entry === undefined) {
    const message = `the sandbox has no images, and its table names no program for "${image}": give container "${name}" a command, which runs on this machine's files, or start the sandbox with --image-map and a line for it`;
    return { kind: 'none', message };
  }
  const argv = [...entry.entrypoint, ...(args.length > 0 ? args : entry.args)];
  const [program = ''] = argv;
  if (program === '')
    return { kind: 'none', message: `the image map gives "${image}" no command: add one to its line` };
  if (Object.keys(files).some((path) => isCalled(path, program)) || has(program)) return { ...made, argv };
  const remedy =
    entry.package === undefined
      ? 'install it, or start the sandbox with --image-map and another line for it'
      : `apt-get install ${entry.package}`;
  return {
    kind: 'none',
    message: `"${image}" would run here as ${program}, which this machine does not have: ${remedy}`,
  };
}
