/**
 * The composition roots that the command line starts. `main.ts` alone knows where they are; everything else here sees
 * only these types, so that `cli` depends on nothing above it. A number is the exit code.
 */
export type AgentRoot = {
  readonly runAgent: (options: {
    settings: { file?: string | undefined; flags: Readonly<Record<string, unknown>> };
    cleanup: boolean;
  }) => Promise<number>;
  readonly configKeys: () => readonly ConfigKey[];
};

export type OperatorRoot = {
  readonly runOperator: (options: {
    settings: { file?: string | undefined; flags: Readonly<Record<string, unknown>> };
  }) => Promise<number>;
  readonly configKeys: () => readonly ConfigKey[];
};

export type RelayRoot = {
  readonly runRelay: (options: {
    settings: { file?: string | undefined; flags: Readonly<Record<string, unknown>> };
  }) => Promise<number>;
  readonly configKeys: () => readonly ConfigKey[];
};

export type UiRoot = {
  readonly runUi: (options: {
    settings: { file?: string | undefined; flags: Readonly<Record<string, unknown>> };
    onServing: (url: string) => void;
  }) => Promise<number>;
  readonly configKeys: () => readonly ConfigKey[];
};

/** One key of the configuration of the agent, the operator, the relay or the page. */
export type ConfigKey = {
  readonly name: string;
  readonly values: string;
  readonly default: string | undefined;
  readonly description: string;
};

/** Where container runtimes look for plugins, and for configurations that name them. */
export type CniFolders = { readonly binDir: string; readonly confDir: string };

export type CniRoot = {
  readonly installCni: (folders: CniFolders) => {
    readonly written: readonly string[];
    /** Configurations that a runtime takes before ours. */
    readonly before: readonly string[];
    /** Plugins of others that some runtimes need, and that are not there. */
    readonly absent: readonly string[];
  };
  readonly removeCni: (folders: CniFolders) => readonly string[];
};

export type SandboxUpOptions = {
  readonly nodes: number;
  /** Return once it is up, and leave it running. */
  readonly detach: boolean;
  /** Manifests to apply, files or folders. */
  readonly files: readonly string[];
  readonly imageMap?: string | undefined;
  /** Beside others, in a private view of the machine. */
  readonly name?: string | undefined;
  /** It is the one of a view. */
  readonly inView: boolean;
};

export type SandboxRoot = {
  readonly up: (options: SandboxUpOptions) => Promise<number>;
  readonly down: (name?: string) => Promise<number>;
  /** Runs a command where the sandbox of a name is. */
  readonly enter: (options: { name: string; command: readonly string[] }) => Promise<number>;
  readonly exec: (options: { namespace: string; pod: string; command: readonly string[] }) => Promise<number>;
  /** Path of the file; throws when no sandbox runs. */
  readonly kubeconfigPath: (name?: string) => string;
};

export type AttacksRoot = {
  readonly runAttacks: (options: {
    only: readonly string[];
    rounds?: number;
    verbose: boolean;
    json: boolean;
    signal: AbortSignal;
  }) => Promise<number>;
};

export type DemoRoot = {
  readonly runDemo: (options: {
    once: boolean;
    only: readonly string[];
    rounds?: number;
    verbose: boolean;
  }) => Promise<number>;
};

export type Roots = {
  readonly agent: () => Promise<AgentRoot>;
  readonly operator: () => Promise<OperatorRoot>;
  readonly relay: () => Promise<RelayRoot>;
  readonly ui: () => Promise<UiRoot>;
  readonly cni: () => Promise<CniRoot>;
  readonly sandbox: () => Promise<SandboxRoot>;
  readonly attacks: () => Promise<AttacksRoot>;
  readonly demo: () => Promise<DemoRoot>;
};
