/**
 * Honest UDP: datagrams of all lengths to one host and to groups, each of which says what it
 * contains, so that whoever gets it can tell whether it is right.
 *
 * @module
 */

import { SockOpt } from "../../../ring/abi/opcodes.ts";
import type { IpAddress } from "../../../stack/ip/types.ts";
import type { DatagramInfo, DatagramStackSocket } from "../../../stack/socket.ts";
import type { Stack } from "../../../stack/stack.ts";
import { ipv4Of, IPV6_ANY, ipv6Of, putIpv6 } from "../../../stack/wire/addresses.ts";
import { PacketBytes } from "../../../stack/wire/packet_bytes.ts";
import { PLAIN } from "../../support/stack/fake_user.ts";
import type { Random } from "../../support/seed.ts";
import { CHUNK, type PatternMemory, ROOM_AT } from "./pattern.ts";

/** Where everybody receives. */
export const DATAGRAM_PORT = 5000;
/** Groups that everybody is a member of. */
export const GROUPS: readonly [number, readonly [number, number, number, number]] = [
  ipv4Of("239.1.1.1"),
  ipv6Of("ff15::1:1"),
];
/** A mark, the number of the pattern, and the mark and the number inverted. */
const HEADER_BYTES = 16;
const MARK = 0x6d696c6c;
const LENGTHS = [0, 1, 100, 1000, 1400, 1457, 3000, 8000];

/** Sends and receives on one stack. */
export class DatagramTraffic {
  received = 0;
  wrong = 0;
  /** Datagrams that nobody honest sent. */
  strange = 0;
  readonly #sockets: readonly DatagramStackSocket[];
  readonly #info: DatagramInfo = {
    ...{ source: 0, port: 0, destination: 0, interface: 0, timeToLive: 0 },
    ...{ typeOfService: 0, bytes: 0, segmentBytes: 0 },
  };

  constructor(
    stack: Stack,
    private readonly memory: PatternMemory,
    link: number,
    private readonly random: Random,
  ) {
    const of4 = stack.datagramSocket("ipv4");
    const of6 = stack.datagramSocket("ipv6");
    if (typeof of4 === "number" || typeof of6 === "number") throw new Error("no socket");
    this.#sockets = [of4, of6];
    of6.setOption(SockOpt.IPPROTO_IPV6, SockOpt.IPV6_V6ONLY, Uint8Array.of(1, 0, 0, 0));
    const request4 = new PacketBytes(new ArrayBuffer(12));
    request4.view.setInt32(0, GROUPS[0]);
    request4.view.setInt32(8, link, true);
    const request6 = new PacketBytes(new ArrayBuffer(20));
    putIpv6(request6, 0, GROUPS[1]);
    request6.view.setInt32(16, link, true);
    const { SOL_IP, IPPROTO_IPV6, IP_ADD_MEMBERSHIP, IPV6_ADD_MEMBERSHIP } = SockOpt;
    const results = [
      of4.bind(0, DATAGRAM_PORT, 0),
      of6.bind(IPV6_ANY, DATAGRAM_PORT, 0),
      of4.setOption(SOL_IP, IP_ADD_MEMBERSHIP, request4.bytes),
      of6.setOption(IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, request6.bytes),
    ];
    if (results.some((result) => result !== 0)) throw new Error(`sockets are refused: ${results}`);
  }

  /** Sends one datagram to an address, or to its family's group. */
  send(to: IpAddress): void {
    const { memory, random } = this;
    const is6 = typeof to !== "number";
    const number = random.uint32() | 0;
    const header = [MARK, number, ~MARK, ~number];
    for (const [nth, word] of header.entries()) memory.view.setInt32(ROOM_AT + nth * 4, word);
    const ranges = Int32Array.of(
      ...[ROOM_AT, HEADER_BYTES],
      ...[memory.at(number, 0), random.pick(LENGTHS)],
    );
    const address = random.chance(0.2) ? GROUPS[is6 ? 1 : 0] : to;
    const parameters = { ...PLAIN, address, port: DATAGRAM_PORT };
    this.#sockets[is6 ? 1 : 0].send(memory, ranges, 2, parameters, 0);
  }

  /** Takes everything that has come. */
  receive(): void {
    const { memory } = this;
    for (const socket of this.#sockets) {
      for (let left = 1000; left > 0; left--) {
        const ranges = Int32Array.of(ROOM_AT, CHUNK);
        const bytes = socket.receive(memory, ranges, 1, this.#info, 0);
        // An error is told once; there may be datagrams behind it.
        if (bytes < 0) {
          if (socket.available === 0) break;
        } else this.#judge(bytes);
      }
    }
  }

  #judge(bytes: number): void {
    const { view } = this.memory;
    const number = view.getInt32(ROOM_AT + 4);
    const isHonest = bytes >= HEADER_BYTES && view.getInt32(ROOM_AT) === MARK &&
      view.getInt32(ROOM_AT + 8) === ~MARK && view.getInt32(ROOM_AT + 12) === ~number;
    const length = bytes - HEADER_BYTES;
    if (!isHonest) this.strange++;
    else if (
      LENGTHS.includes(length) && this.memory.isRight(number, 0, HEADER_BYTES, length)
    ) this.received++;
    else this.wrong++;
  }

  /** Closes the sockets. */
  close(): void {
    for (const socket of this.#sockets) socket.close();
  }
}
