/** One command of a line of the shell: its words without quotes, what is substituted into them left as it stands. */
export type ShellCommand = readonly string[];

const NEXT =
  /[ \t]*(?:(#.*|\\\n)|([;|&()<>]+|\n)|((?:'[^']*'|"[^"]*"|\$\((?:[^()]|\([^()]*\))*\)|\\.|[^\s;|&()<>'"])+))/y;

/** The commands of a block of the shell, also those that are joined by pipes and the like. */
export function shellCommands(block: string): ShellCommand[] {
  const commands: string[][] = [[]];
  for (const [, , operator, word] of block.trim().matchAll(new RegExp(NEXT, 'gy'))) {
    if (operator !== undefined) commands.push([]);
    else if (word !== undefined) commands.at(-1)?.push(word.replaceAll(/^(['"])(.*)\1$/gs, '$2'));
  }
  return commands.filter((words) => words.length > 0);
}
