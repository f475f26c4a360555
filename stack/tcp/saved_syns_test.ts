import { assertEquals } from "@std/assert";
import { Script, type ScriptOptions } from "../../tests/support/stack/tcp/script.ts";
import type { Interface, InterfaceTable } from "../iface/types.ts";
import { PacketFlag } from "../packet_table.ts";
import { copyHeaders } from "./saved_syns.ts";
import type { TcpSocket } from "./socket.ts";
import { Segment } from "./types.ts";

const TCP = 6;
const FAST_OPEN = 23;
const SAVE_SYN = 27;
const SAVED_SYN = 28;
const EINVAL = -22;
const ENOPROTOOPT = -92;
const NOTHING = new Uint8Array(0);

function int(value: number): Uint8Array {
  return Uint8Array.of(value, 0, 0, 0);
}

/** A listener that keeps SYNs, and what a handshake with it leads to. */
function acceptOne(options: ScriptOptions, prepare: (listener: TcpSocket) => void): {
  script: Script;
  syn: Uint8Array;
  socket: TcpSocket;
} {
  const script = new Script(options);
  const listener = script.listen();
  prepare(listener);
  const { bytes: syn } = script.compose("S seq 0 win 1000 mss 1460 sackok");
  script.inject("S seq 0 win 1000 mss 1460 sackok");
  script.expect("S. seq 0 ack 1");
  script.inject(". seq 1 ack 1 win 1000");
  return { script, syn, socket: listener.accept() as TcpSocket };
}

function save(listener: TcpSocket): void {
  assertEquals(listener.setOption(TCP, SAVE_SYN, int(1)), 0);
}

Deno.test("TCP_SAVED_SYN gives the headers of IP and TCP, once, to who has room for them", () => {
  for (const isIpv6 of [false, true]) {
    const { syn, socket } = acceptOne({ isIpv6 }, save);
    const header = isIpv6 ? 40 : 20;
    assertEquals(socket.getOption(TCP, SAVED_SYN, header + syn.length - 1), EINVAL);
    const saved = socket.getOption(TCP, SAVED_SYN, header + syn.length) as Uint8Array;
    assertEquals(saved[0] >> 4, isIpv6 ? 6 : 4);
    assertEquals(saved.subarray(header), syn);
    assertEquals(socket.getOption(TCP, SAVED_SYN), NOTHING);
  }
});

Deno.test("of a SYN that Fast Open makes a connection of at once, the headers are kept", () => {
  const script = new Script({ settings: { fastOpen: "both" } });
  const listener = script.listen();
  save(listener);
  assertEquals(listener.setOption(TCP, FAST_OPEN, int(5)), 0);
  assertEquals(listener.setOption(TCP, 34, int(1)), 0);
  script.inject("S seq 0 win 1000 mss 1460 len 9");
  const socket = listener.accept() as TcpSocket;
  assertEquals(script.host.count("FAST_OPEN_PASSIVE"), 1);
  assertEquals((socket.getOption(TCP, SAVED_SYN) as Uint8Array).length, 20 + 24);
});

Deno.test("nothing is kept unless it was asked for, by a cookie, or by who connects", () => {
  const plain = acceptOne({}, () => {});
  const cookie = acceptOne({ settings: { synCookies: "always" } }, save);
  assertEquals(cookie.script.host.count("COOKIES_ACCEPTED"), 1);
  const { socket: client } = Script.established({ from: "here" });
  for (const socket of [plain.socket, cookie.socket, client]) {
    assertEquals(socket.getOption(TCP, SAVED_SYN), NOTHING);
  }
  assertEquals(client.setOption(TCP, SAVED_SYN, int(1)), ENOPROTOOPT);
  assertEquals(client.setOption(TCP, SAVED_SYN, int(1).subarray(1)), EINVAL);
});

Deno.test("TCP_SAVE_SYN is 0, 1 or 2, and connections have what their listener had", () => {
  const { socket } = acceptOne({}, save);
  const kept = (value: number) => [
    socket.setOption(TCP, SAVE_SYN, int(value)),
    socket.getOption(TCP, SAVE_SYN),
  ];
  assertEquals(socket.getOption(TCP, SAVE_SYN), int(1));
  assertEquals(kept(2), [0, int(2)]);
  assertEquals(kept(3), [EINVAL, int(2)]);
  assertEquals(kept(0), [0, int(0)]);
});

Deno.test("the header of Ethernet is copied, too, where the packet came in a frame", () => {
  const { environment } = new Script().host;
  const { arena, packets } = environment;
  const packet = arena.take(14 + 40 + 3);
  const at = arena.start(packet);
  arena.memory.bytes.set(Uint8Array.from({ length: 57 }, (_, index) => index), at);
  arena.trimFront(packet, 14);
  packets.clear(packet);
  packets.interface[packet] = 1;
  const segment = Object.assign(new Segment(), { packet, payloadOffset: 40 });
  const copied = (kind: Interface["kind"], isWithLink: boolean) => {
    const interfaces = { get: () => ({ kind }) } as unknown as InterfaceTable;
    const { length, 0: first } = copyHeaders(environment, interfaces, segment, isWithLink);
    return [length, first];
  };
  assertEquals(copied("ethernet", true), [54, 0]);
  assertEquals(copied("ethernet", false), [40, 14]);
  assertEquals(copied("ip", true), [40, 14]);
  packets.flags[packet] = PacketFlag.REASSEMBLED;
  assertEquals(copied("ethernet", true), [40, 14]);
  arena.release(packet);
});
