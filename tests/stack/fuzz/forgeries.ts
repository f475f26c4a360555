/**
 * Forgeries of ARP and neighbour discovery, and ICMP errors about segments that were seen.
 *
 * @module
 */

import {
  IPV6_ALL_NODES,
  type Ipv6Address,
  ipv6At,
  MAC_BROADCAST,
  solicitedNodeOf,
} from "../../../stack/wire/addresses.ts";
import * as arp from "../../../stack/wire/arp.ts";
import * as ethernet from "../../../stack/wire/ethernet.ts";
import * as ipv4 from "../../../stack/wire/ipv4.ts";
import * as ndp from "../../../stack/wire/ndp.ts";
import type { NdpOption } from "../../../stack/wire/ndp_options.ts";
import { EtherType, Protocol } from "../../../stack/wire/numbers.ts";
import { type FrameDraft, IP_AT } from "./frame_draft.ts";
import { type Generator, writeError } from "./generated.ts";
import { ATTACKER_MAC, other, type Scene, type Side, writePacket } from "./scene.ts";

const LINK_LOCAL = 0xfe800000 | 0;

function macOf({ random, macs }: Scene): number {
  return random.pick([ATTACKER_MAC, ATTACKER_MAC, ...macs, 0x0200_0000_0000 + random.uint32()]);
}

function writeArp(draft: FrameDraft, scene: Scene, target: Side, from: number, to: number): void {
  const { random, macs } = scene;
  const { packets } = draft;
  packets.bytes.fill(0);
  const destination = random.chance(0.5) ? MAC_BROADCAST : macs[target];
  ethernet.emit(packets, 0, {
    ...{ destination, source: ATTACKER_MAC, tags: [], type: EtherType.ARP },
  });
  arp.emit(packets, IP_AT, {
    ...{ operation: random.pick([1, 1, 2, 2, 0, 3]), senderMac: macOf(scene) },
    ...{ senderAddress: from, targetMac: macs[target], targetAddress: to },
  });
  draft.length = 60;
}

/** Strangers ask for us: nothing that is known of the two stacks is touched. */
function arpOfStranger(draft: FrameDraft, scene: Scene, target: Side): boolean {
  const from = 0x0a000000 | scene.random.integer(3, 254);
  writeArp(draft, scene, target, from, scene.ipv4[target]);
  return true;
}

/** An address of a stack is somewhere else now. */
function arpForged(draft: FrameDraft, scene: Scene, target: Side): boolean {
  const { random, ipv4 } = scene;
  writeArp(draft, scene, target, random.pick(ipv4), random.pick(ipv4));
  return true;
}

function writeNdp(
  draft: FrameDraft,
  scene: Scene,
  target: Side,
  source: Ipv6Address,
  destination: Ipv6Address,
  message: ndp.NdpMessage,
): true {
  const hops = scene.random.chance(0.95) ? ndp.HOP_LIMIT : 64;
  const said = { source, destination, protocol: Protocol.ICMPV6, hops };
  writePacket(draft, scene.macs[target], said, (packets, at) => ndp.emit(packets, at, message));
  return true;
}

function linkLayer(scene: Scene, option: "source-link-layer" | "target-link-layer"): NdpOption[] {
  return scene.random.chance(0.8) ? [{ option, address: macOf(scene) }] : [];
}

function solicitation(
  draft: FrameDraft,
  scene: Scene,
  target: Side,
  source: Ipv6Address,
): boolean {
  const asked = scene.random.pick(scene.ipv6[target]);
  return writeNdp(draft, scene, target, source, solicitedNodeOf(asked), {
    ...{ message: "neighbor-solicitation", target: asked },
    options: linkLayer(scene, "source-link-layer"),
  });
}

function solicitationOfStranger(draft: FrameDraft, scene: Scene, target: Side): boolean {
  const low = scene.random.uint32() | 0;
  // The identifiers of the two stacks are small, or have this bit.
  return solicitation(draft, scene, target, [LINK_LOCAL, 0, 0x00ff0000, low]);
}

function neighbourForged(draft: FrameDraft, scene: Scene, target: Side): boolean {
  const { random, ipv6 } = scene;
  const source = random.pick(ipv6[random.pick([target, other(target)])]);
  if (random.chance(0.3)) {
    return solicitation(draft, scene, target, random.chance(0.2) ? [0, 0, 0, 0] : source);
  }
  const destination = random.chance(0.5) ? IPV6_ALL_NODES : random.pick(ipv6[target]);
  return writeNdp(draft, scene, target, source, destination, {
    ...{ message: "neighbor-advertisement", isRouter: random.chance(0.3) },
    ...{ isSolicited: random.chance(0.5), isOverride: random.chance(0.5) },
    target: random.pick(ipv6[random.pick([target, other(target)])]),
    options: linkLayer(scene, "target-link-layer"),
  });
}

function prefix({ random }: Scene): Ipv6Address {
  const word = random.integer(0, 40);
  return random.pick<Ipv6Address>([[0x20010db8, word, 0, 0], [0xfd000000 | 0, 0, 0, 0]]);
}

function routerForged(draft: FrameDraft, scene: Scene, target: Side): boolean {
  const { random } = scene;
  const lifetime = () => random.pick([0, 1, 100, 1800, 7201, 0xffffffff]);
  const options: NdpOption[] = linkLayer(scene, "source-link-layer");
  for (let count = random.integer(0, 4); count > 0; count--) {
    options.push(random.pick<NdpOption>([
      {
        ...{ option: "prefix-information", prefix: prefix(scene) },
        ...{ prefixLength: random.pick([0, 1, 48, 64, 64, 64, 65, 128]) },
        ...{ isOnLink: random.chance(0.5), isAutonomous: random.chance(0.8) },
        ...{ validLifetime: lifetime(), preferredLifetime: lifetime() },
      },
      { option: "mtu", mtu: random.pick([0, 68, 1279, 1280, 1400, 1500, 9000, 0xffffffff]) },
      {
        ...{ option: "route-information", prefix: prefix(scene), prefixLength: 64 },
        ...{ preference: random.integer(0, 3), lifetime: lifetime() },
      },
      { option: "dns-servers", lifetime: lifetime(), servers: [prefix(scene), prefix(scene)] },
    ]));
  }
  const source: Ipv6Address = [LINK_LOCAL, 0, 0, random.integer(0, 30)];
  return writeNdp(draft, scene, target, source, IPV6_ALL_NODES, {
    ...{ message: "router-advertisement", hopLimit: random.pick([0, 1, 64, 255]) },
    ...{ isManaged: random.chance(0.5), hasOtherConfiguration: random.chance(0.5) },
    ...{ preference: random.integer(0, 3), routerLifetime: random.pick([0, 1, 1800, 65535]) },
    ...{ reachableTime: random.pick([0, 1, 30_000, 3_600_000, 0xffffffff]) },
    ...{ retransmitTimer: random.pick([0, 1, 1000, 0xffffffff]), options },
  });
}

function redirectForged(draft: FrameDraft, scene: Scene, target: Side): boolean {
  const { random, ipv6 } = scene;
  const gateway: Ipv6Address = [LINK_LOCAL, 0, 0, random.integer(0, 30)];
  const source = random.chance(0.5) ? random.pick(ipv6[other(target)]) : gateway;
  return writeNdp(draft, scene, target, source, random.pick(ipv6[target]), {
    message: "redirect",
    target: random.chance(0.5) ? gateway : random.pick(ipv6[other(target)]),
    destination: random.chance(0.5) ? random.pick(ipv6[other(target)]) : prefix(scene),
    options: linkLayer(scene, "target-link-layer"),
  });
}

/** Those that change nothing that is known of the two stacks. */
export const STRANGERS: Readonly<Record<string, Generator>> = {
  "ARP of strangers": arpOfStranger,
  "solicitations of strangers": solicitationOfStranger,
};

/** Those that do. */
export const FORGERIES: Readonly<Record<string, Generator>> = {
  "ARP forged": arpForged,
  "neighbour discovery forged": neighbourForged,
  "router advertisement forged": routerForged,
  "redirect forged": redirectForged,
};

/**
 * Writes an ICMP error about a frame that was seen, in place of the frame; its sequence numbers are
 * the right ones.
 *
 * @param sender whose frame it was, who gets the error
 */
export function errorAbout(draft: FrameDraft, scene: Scene, sender: Side): boolean {
  const { random } = scene;
  const { version, end } = draft;
  if (version === 0 || end <= IP_AT) return false;
  const { packets } = draft;
  const quoted = packets.bytes.slice(IP_AT, Math.min(end, IP_AT + random.pick([28, 48, 60, 548])));
  const destination = version === 4 ? ipv4.source(packets, IP_AT) : ipv6At(packets, IP_AT + 8);
  const source = version === 4 ? ipv4.destination(packets, IP_AT) : ipv6At(packets, IP_AT + 24);
  writeError(draft, scene, sender, source, destination, (to, at) => {
    to.bytes.set(quoted, at);
    return quoted.length;
  });
  return true;
}
