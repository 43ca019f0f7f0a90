import type { Command, Option } from 'commander';

/** What may stand behind a command, by its words: `policy trace`. Read from the tree of commands, so that none is forgotten. */
type Place = {
  readonly path: string;
  readonly commands: readonly string[];
  readonly options: readonly string[];
  /** What an option may be set to, where that is a choice of words. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  /** Options that take something else: their value is no word of a command. */
  readonly taking: readonly string[];
};

export function completionScript(program: Command, shell: 'bash' | 'zsh' | 'fish'): string {
  const places = placesOf(program, [], program.options);
  return shell === 'fish' ? fishScript(places) : bashScript(places, shell);
}

function placesOf(command: Command, words: readonly string[], global: readonly Option[]): Place[] {
  const options = [...new Set([...command.options, ...global])].filter(({ hidden }) => !hidden);
  const names = ({ short, long }: Option) => [long, short].filter((name) => name !== undefined && name !== null);
  const values = options.flatMap((option) =>
    option.argChoices === undefined
      ? []
      : names(option).map((name): [string, string[]] => [name, option.argChoices ?? []]),
  );
  const fromArguments = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  const place: Place = {
    path: words.join(' '),
    commands: [...command.commands.map((child) => child.name()), ...fromArguments],
    options: [...options.flatMap(names), '--help'],
    values: new Map(values),
    taking: options.filter((option) => option.required).flatMap(names),
  };
  return [place, ...command.commands.flatMap((child) => placesOf(child, [...words, child.name()], global))];
}

const quoted = (words: readonly string[]): string => `'${words.join(' ')}'`;

/** zsh runs the same by its own emulation of bash's completion. */
function bashScript(places: readonly Place[], shell: 'bash' | 'zsh'): string {
  const taking = [...new Set(places.flatMap((place) => place.taking))];
  const paths = places.filter(({ path }) => path !== '').map(({ path }) => `'${path}'`);
  const cases = places.map(
    ({ path, commands, options }) => `    '${path}') words=${quoted(commands)}; options=${quoted(options)} ;;`,
  );
  const choices = new Map(places.flatMap(({ values }) => [...values]));
  const values = Array.from(choices, ([name, words]) => `    ${name}) words=${quoted(words)}; options= ;;`);
  const others = taking.filter((name) => !choices.has(name));
  return `${shell === 'zsh' ? 'autoload -U +X compinit bashcompinit && compinit && bashcompinit\n' : ''}_membrane() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} path= skip= word= words= options= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [ -n "$skip" ]; then skip=; continue; fi
    case $word in ${taking.join('|')}) skip=1; continue ;; esac
    case "\${path:+$path }$word" in ${paths.join('|')}) path="\${path:+$path }$word" ;; esac
  done
  case $path in
${cases.join('\n')}
  esac
  case $before in
${values.join('\n')}
    ${others.join('|')}) COMPREPLY=(); return ;;
  esac
  case $current in -*) words=$options ;; esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _membrane membrane ./membrane`;
}

function fishScript(places: readonly Place[]): string {
  const lines = places.flatMap(({ path, commands, options, values, taking }) => {
    const words = path === '' ? [] : path.split(' ');
    const seen = words.map((word) => `__fish_seen_subcommand_from ${word}`);
    const none = commands.length === 0 ? [] : [`not __fish_seen_subcommand_from ${commands.join(' ')}`];
    const at = (conditions: readonly string[]) => (conditions.length === 0 ? '' : ` -n '${conditions.join('; and ')}'`);
    const children =
      commands.length === 0 ? [] : [`complete -c membrane -f${at([...seen, ...none])} -a '${commands.join(' ')}'`];
    return [
      ...children,
      ...options.map((name) => {
        const flag = name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`;
        const choice = values.get(name);
        const value = choice === undefined ? (taking.includes(name) ? ' -r' : '') : ` -x -a '${choice.join(' ')}'`;
        return `complete -c membrane${at(seen)} ${flag}${value}`;
      }),
    ];
  });
  return [...new Set(lines)].join('\n');
}
