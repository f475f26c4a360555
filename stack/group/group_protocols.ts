/**
 * Puts groups, IGMP and MLD together.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { Addresses } from "../iface/address_table.ts";
import type { LinkInterface } from "../iface/link_interface.ts";
import type { LinkOptions } from "../iface/options.ts";
import type { Counters } from "../statistics.ts";
import type { StackShard } from "../steering/stack_shard.ts";
import type { Fault } from "../wire/fault.ts";
import type { GroupCounter } from "./counters.ts";
import { GroupTable } from "./group_table.ts";
import { IgmpDialect, IgmpProtocol } from "./igmp.ts";
import { MldDialect, MldProtocol } from "./mld.ts";
import { GroupReporter } from "./reporter.ts";

/** What they are made of. */
export interface GroupProtocolsParts {
  readonly environment: Environment;
  readonly options: LinkOptions;
  readonly addresses: Addresses;
  readonly igmpCounters: Counters<typeof GroupCounter>;
  readonly mldCounters: Counters<typeof GroupCounter>;
  readonly faults: Counters<typeof Fault>;
  readonly interfaceOf: (index: number) => LinkInterface | undefined;
  /** Which of several shards of a host it is of; null where there is one only. */
  readonly shard: StackShard | null;
}

/** Groups, and who tells routers of them. */
export interface GroupProtocols {
  readonly groups: GroupTable;
  readonly igmp: IgmpProtocol;
  readonly mld: MldProtocol;
}

/** Makes them. */
export function makeGroupProtocols(parts: GroupProtocolsParts): GroupProtocols {
  const { environment, options, addresses, interfaceOf } = parts;
  const groups = new GroupTable({
    environment,
    options,
    counters: parts.igmpCounters,
    interfaceOf,
  });
  const igmpParts = { environment, addresses, faults: parts.faults, counters: parts.igmpCounters };
  const mldParts = { environment, addresses, faults: parts.faults, counters: parts.mldCounters };
  const common = {
    environment,
    sourcesPerGroup: options.sourcesPerGroup,
    isSilent: parts.shard !== null && parts.shard.isSilent,
    onSettled: groups.settle.bind(groups),
  };
  const groupsOf = (isIpv4: boolean) => (interfaceIndex: number) =>
    groups.list(interfaceIndex).filter(({ group }) => (typeof group === "number") === isIpv4);
  groups.ipv4Reporter = new GroupReporter({
    ...{ ...common, counters: igmpParts.counters, groupsOf: groupsOf(true) },
    dialect: new IgmpDialect(igmpParts),
  });
  groups.ipv6Reporter = new GroupReporter({
    ...{ ...common, counters: mldParts.counters, groupsOf: groupsOf(false) },
    dialect: new MldDialect(mldParts),
  });
  return {
    groups,
    igmp: new IgmpProtocol(igmpParts, groups.ipv4Reporter),
    mld: new MldProtocol(mldParts, groups.ipv6Reporter),
  };
}
