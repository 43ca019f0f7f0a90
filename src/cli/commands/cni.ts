import { type Command, Option } from 'commander';
import type { CommandContext } from '../context.ts';
import type { CniFolders } from '../roots.ts';

export function register(program: Command, { out, roots }: CommandContext): void {
  const cni = program.command('cni').description('the files by which a container runtime finds this plugin');
  const withFolders = (command: Command): Command =>
    command
      .addOption(folder('--bin-dir <folder>', 'where runtimes look for plugins', 'BIN_DIR', '/opt/cni/bin'))
      .addOption(folder('--conf-dir <folder>', 'where they look for configurations', 'CONF_DIR', '/etc/cni/net.d'));

  withFolders(cni.command('install'))
    .description('put the plugin and its configuration in place; what others put there is left alone')
    .action(async (folders: CniFolders) => {
      const result = (await roots.cni()).installCni(folders);
      if (out.json) return await out.value(result);
      await out.line(result.written.length === 0 ? 'in place already' : `wrote ${result.written.join(', ')}`);
      for (const path of result.before)
        process.stderr.write(`membrane: ${path} comes first by its name: a runtime takes it, and pods are not ours\n`);
      for (const path of result.absent)
        process.stderr.write(
          `membrane: there is no ${path}: containerd before 2.0 starts no pod without it (Debian: containernetworking-plugins)\n`,
        );
    });
  withFolders(cni.command('remove'))
    .description('remove both again')
    .action(async (folders: CniFolders) => {
      const removed = (await roots.cni()).removeCni(folders);
      if (out.json) return await out.value({ removed });
      await out.line(removed.length === 0 ? 'nothing to remove' : `removed ${removed.join(', ')}`);
    });
}

function folder(flags: string, description: string, variable: string, value: string): Option {
  return new Option(flags, description).env(`MEMBRANE_CNI_${variable}`).default(value);
}
