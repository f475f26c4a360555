/**
 * What must hold while stacks are attacked, and afterwards.
 *
 * @module
 */

import { takenPackets, verifyArena } from "../../../stack/memory/mod.ts";
import type { Stack } from "../../../stack/stack.ts";
import type { Host } from "./world.ts";

/** The tables of a stack: how much there is, and how much there may be. */
export function tablesOf(stack: Stack): Readonly<Record<string, readonly [number, number]>> {
  const { links, tcp, ip, sizes, environment: { arena, timers }, output } = stack;
  const { reassembling } = ip;
  const { reassembly } = sizes.ip;
  return {
    "packets": [arena.usedCount, arena.capacity],
    "timers": [timers.statistics().used, sizes.timers],
    "frames to be sent": [output.size, sizes.outputFrames],
    "neighbours of IPv4": [links.ipv4Neighbours.size, sizes.links.neighbours],
    "neighbours of IPv6": [links.ipv6Neighbours.size, sizes.links.neighbours],
    "addresses": [links.addresses.list().length, 2 * sizes.links.addresses],
    "routes": [links.routes.list().length, 2 * sizes.links.routes],
    "groups": [
      links.list().reduce((sum, { index }) => sum + links.groups.list(index).length, 0),
      sizes.links.groups,
    ],
    "connections": [tcp.connections, sizes.tcp.connections],
    "half-open connections": [tcp.halfOpen, sizes.tcp.halfOpen],
    "orphans": [tcp.orphans, sizes.tcp.orphans],
    "connections in TIME-WAIT": [tcp.timeWaits.size, sizes.tcp.timeWaits],
    "entries of TCP": [
      tcp.table.size,
      sizes.tcp.connections + sizes.tcp.halfOpen + sizes.tcp.timeWaits,
    ],
    "servers of Fast Open": [tcp.fastOpenCache.size, sizes.tcp.fastOpenCache],
    "packets in parts": [reassembling.packets, reassembly.packets],
    "fragments": [reassembling.fragments, reassembly.fragments],
    "bytes of fragments": [reassembling.bytes, reassembly.bytes],
  };
}

/** What is empty once everything is closed and all times have passed. */
const EMPTIED = [
  "packets",
  "frames to be sent",
  "connections",
  "half-open connections",
  "orphans",
  "connections in TIME-WAIT",
  "entries of TCP",
  "packets in parts",
  "fragments",
  "bytes of fragments",
];

/** @throws {Error} when a table is fuller than it may be */
export function checkBounds({ stack }: Host, who: string): void {
  for (const [name, [count, most]] of Object.entries(tablesOf(stack))) {
    if (count > most) throw new Error(`${who}: ${count} ${name}, ${most} are allowed`);
  }
}

/** @throws {Error} when packets are miscounted */
export function checkPackets({ stack }: Host): void {
  verifyArena(stack.environment.arena);
}

/** @throws {Error} when anything is left of what was there while the stack was attacked */
export function checkEmpty(host: Host, who: string): void {
  const { stack, link, timersAtFirst } = host;
  checkPackets(host);
  const tables = tablesOf(stack);
  for (const name of EMPTIED) {
    if (tables[name][0] === 0) continue;
    const taken = takenPackets(stack.environment.arena).slice(0, 8);
    throw new Error(`${who}: ${tables[name][0]} ${name} are left; packets ${taken}`);
  }
  stack.links.removeInterface(link);
  while (stack.output.size > 0) stack.environment.arena.release(stack.output.shift());
  const left = {
    timers: stack.environment.timers.statistics().used - timersAtFirst,
    packets: stack.environment.arena.usedCount,
    neighbours: stack.links.listNeighbours().length,
    addresses: stack.links.addresses.list(link).length,
    routes: stack.links.routes.list().filter((route) => route.interface === link).length,
    groups: stack.links.groups.list(link).length,
    sockets: stack.udp.openSockets,
  };
  for (const [name, count] of Object.entries(left)) {
    if (count > 0) throw new Error(`${who}: ${count} ${name} are left without an interface`);
  }
}
