import { SWITCHES, type Switch } from '../../datapath/index.ts';
import type { AgentConfig } from './config.ts';

/** Switches of the datapath whose key of the configuration has their name. */
type Named = Switch & keyof AgentConfig;

/** Every switch of the datapath. One that has neither a key of its name nor a line here does not compile. */
export function switchesOf(config: AgentConfig): Readonly<Record<Switch, boolean>> {
  return {
    ...named(config),
    enableIpv6: config.enableIPv6,
    enableStack: !config.enableServices,
    enableOverlay: config.routing === 'tunnel',
    enableNative: config.routing === 'native',
    enableCidrSelects: config.cidrSelects.length > 0,
    enablePolicy: config.policyEnforcement !== 'never',
    enableRefusals: config.enableServices && config.refuseWithoutBackends,
  };
}

function named(config: AgentConfig): Pick<AgentConfig, Named> {
  const names = SWITCHES.filter((name): name is Named => name in config);
  return Object.fromEntries(names.map((name) => [name, config[name]])) as Pick<AgentConfig, Named>;
}
