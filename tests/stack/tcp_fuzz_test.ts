/**
 * Segments that nobody who means well would send, at sockets in all states: nothing throws,
 * whatever is kept is bounded, and nothing is left behind.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { makeCongestionControl } from "../../stack/tcp/congestion/mod.ts";
import type { TcpSocket } from "../../stack/tcp/socket.ts";
import * as tcp from "../../stack/wire/tcp.ts";
import { PacketBytes } from "../../stack/wire/packet_bytes.ts";
import { randomBelow, type RandomSource } from "../../stack/random.ts";
import { scale, SEED, withSeed } from "../support/seed.ts";
import { sealFrame } from "../support/stack/tcp/network.ts";
import { Script } from "../support/stack/tcp/script.ts";

const FLAGS = ["S", "F", "R", "P", "U", "E", "W", "A", "."];
const OPTIONS = [
  "mss 1460",
  "mss 1",
  "wscale 14",
  "sackok",
  "ts 5 ecr 0",
  "ts -5 ecr 99",
  "sack 1:50,70:80",
  "sack 9:3",
  "fo ask",
  "fo 0102030405060708",
  "uto 3",
  "acc 1:2:3",
];
const MARKS = ["no", "ect0", "ect1", "ce"];

function pick<Value>(random: RandomSource, values: readonly Value[]): Value {
  return values[randomBelow(random, values.length)];
}

/** A number that is near where something happens, or anywhere. */
function near(random: RandomSource): number {
  const kind = randomBelow(random, 10);
  if (kind < 5) return randomBelow(random, 3);
  if (kind < 8) return randomBelow(random, 3000) - 500;
  return kind === 8 ? 65536 - randomBelow(random, 3) : random.uint32() | 0;
}

function randomSegment(random: RandomSource): string {
  const flags = FLAGS.filter(() => randomBelow(random, 5) === 0).join("");
  const words = [randomBelow(random, 3) > 0 && !flags.includes(".") ? `${flags}.` : flags || "-"];
  words.push(`seq ${near(random)} ack ${near(random)} win ${near(random) & 0xffff}`);
  words.push(`len ${pick(random, [0, 0, 1, 10, 1460])} urg ${near(random) & 0xffff}`);
  const options = OPTIONS.filter(() => randomBelow(random, 12) === 0);
  const names = new Set<string>();
  for (const option of options) {
    const [name] = option.split(" ");
    if (!names.has(name) && names.size < 2) words.push(option);
    names.add(name);
  }
  words.push(`ip ${pick(random, MARKS)}`);
  return words.join(" ");
}

/** Changes bits of a segment, whose checksum is right all the same. */
function damage(script: Script, random: RandomSource, text: string): void {
  const frame = script.compose(text);
  for (let count = randomBelow(random, 4); count > 0; count--) {
    const at = 4 + randomBelow(random, frame.bytes.length - 4);
    frame.bytes[at] ^= 1 << randomBelow(random, 8);
  }
  const header = tcp.headerBytes(new PacketBytes(frame.bytes.buffer), 0);
  assert(header >= 0);
  sealFrame(frame.bytes, frame.source, frame.destination);
  script.host.deliver(frame);
}

function run(random: RandomSource, seed: number): void {
  const script = new Script({
    seed,
    settings: {
      fastOpen: "both",
      ecn: pick(random, ["off", "passive", "classic", "accurate"] as const),
      synCookies: pick(random, ["never", "when-full", "always"] as const),
      halfOpen: 8,
      connections: 16,
      timeWaits: 4,
    },
    parts: { congestionControl: makeCongestionControl },
  });
  const listener = script.listen(4);
  listener.setOption(6, 23, Uint8Array.of(4, 0, 0, 0));
  const sockets: TcpSocket[] = [];
  const ports = [script.port];
  for (let step = 0; step < 400; step++) {
    const { host } = script;
    script.peerPort = 1 + randomBelow(random, 6);
    if (randomBelow(random, 60) === 0) {
      const socket = host.tcp.createSocket(false);
      if (socket.connect(0x0a000002, script.peerPort, 0) === -115) {
        sockets.push(socket);
        ports.push(socket.flow.localPort);
      } else socket.close();
    }
    for (const frame of script.unseen) script.show(frame);
    script.skip();
    script.network.sent.length = 0;
    script.port = pick(random, ports);
    damage(script, random, randomSegment(random));
    const accepted = listener.accept();
    if (typeof accepted !== "number") sockets.push(accepted);
    const socket = sockets.length === 0 ? null : pick(random, sockets);
    const what = randomBelow(random, 40);
    if (socket !== null && what < 6) host.write(socket, new Uint8Array(500));
    else if (socket !== null && what < 12) host.readBytes(socket);
    else if (socket !== null && what === 12) socket.shutdown(randomBelow(random, 3));
    else if (socket !== null && what === 13) socket.close();
    if (what > 30) script.run(pick(random, [100, 10_000, 1_000_000]));
  }
  for (const socket of sockets) socket.close();
  listener.close();
  script.run(3600 * 1e6);
  const { tcp: stack } = script.host;
  assertEquals([stack.table.size, stack.connections, stack.orphans, stack.halfOpen], [0, 0, 0, 0]);
  assertEquals([stack.ports.size, stack.timeWaits.size], [0, 0]);
  script.network.assertNoPackets();
}

Deno.test(
  "no sequence of segments makes TCP throw, or keep anything",
  withSeed((random) => {
    for (let round = 0; round < scale(60, 5000); round++) {
      try {
        run(random, SEED + round | 0);
      } catch (error) {
        console.log(`round ${round}`);
        throw error;
      }
    }
  }),
);
