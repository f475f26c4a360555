/**
 * Sockets that hear what others are sent, and all errors: raw ones of both families, and those of
 * ICMP echo; and a protocol that answers everything.
 *
 * @module
 */

import { SockOpt } from "../../../ring/abi/opcodes.ts";
import { ipv4Of, ipv6Of } from "../../../stack/wire/addresses.ts";
import type { DatagramStackSocket } from "../../../stack/socket.ts";
import type { Stack } from "../../../stack/stack.ts";
import { Protocol } from "../../../stack/wire/numbers.ts";
import { FakeUser, int, PLAIN } from "../../support/stack/fake_user.ts";
import type { Side } from "./scene.ts";

/** A number for experiments: RFC 3692. */
const CUSTOM_PROTOCOL = 253;
const HOSTS = [
  [ipv4Of("10.0.0.1"), ipv4Of("10.0.0.2")],
  [ipv6Of("fd00::1"), ipv6Of("fd00::2")],
] as const;
const ECHOES = [Uint8Array.of(8, 0, 0, 0, 0, 1, 0, 1, 7), Uint8Array.of(128, 0, 0, 0, 0, 1, 0, 1)];

/** Those of one stack. */
export class Bystanders {
  /** Packets that they heard. */
  heard = 0;
  /** Errors that they were told of. */
  told = 0;
  readonly #user: FakeUser;
  readonly #raw: readonly DatagramStackSocket[];
  readonly #ping: readonly DatagramStackSocket[];

  constructor(stack: Stack) {
    this.#user = new FakeUser(stack.environment);
    this.#ping = [opened(stack.pingSocket("ipv4")), opened(stack.pingSocket("ipv6"))];
    this.#raw = [
      opened(stack.rawSocket("ipv4", Protocol.ICMPV4)),
      opened(stack.rawSocket("ipv4", Protocol.TCP)),
      opened(stack.rawSocket("ipv6", Protocol.ICMPV6)),
      opened(stack.rawSocket("ipv6", Protocol.UDP)),
    ];
    stack.registerTransportProtocol(CUSTOM_PROTOCOL, {
      // Half as long each time: two stacks that answer each other come to an end.
      processPacket(packet) {
        if (packet.length === 0) return "accept";
        return { reply: packet.copy().subarray(0, packet.length >> 1) };
      },
    });
  }

  /** Asks the other stack for an echo. */
  ping(other: Side): void {
    for (const [nth, socket] of this.#ping.entries()) {
      this.#user.bytes.set(ECHOES[nth]);
      const ranges = Int32Array.of(0, ECHOES[nth].length);
      const parameters = { ...PLAIN, address: HOSTS[nth][other] };
      socket.send(this.#user, ranges, 1, parameters, 0);
    }
  }

  /** Takes everything that has come. */
  receive(): void {
    for (const socket of [...this.#raw, ...this.#ping]) {
      while (socket.available > 0) {
        if (typeof this.#user.receive(socket) !== "number") this.heard++;
      }
      // Some errors are left in the queue, which is bounded.
      if (socket.takeReport() !== null) this.told++;
      socket.takeError();
    }
  }

  /** Closes the sockets. */
  close(): void {
    for (const socket of [...this.#raw, ...this.#ping]) socket.close();
  }
}

function opened(socket: DatagramStackSocket | number): DatagramStackSocket {
  if (typeof socket === "number") throw new Error(`no socket: ${socket}`);
  const { SOL_IP, IP_RECVERR, IPPROTO_IPV6, IPV6_RECVERR } = SockOpt;
  socket.setOption(SOL_IP, IP_RECVERR, int(1));
  socket.setOption(IPPROTO_IPV6, IPV6_RECVERR, int(1));
  return socket;
}
