import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { PROFILES, sizesOf } from "../../stack/profiles.ts";
import { StackTopology } from "../../stack/sim/stack_topology.ts";
import { Ready, type SocketOwner, type StreamStackSocket } from "../../stack/socket.ts";
import type { Stack } from "../../stack/stack.ts";
import { TestUserMemory } from "../support/stack/user_memory.ts";

const PORT = 80;
const SMALL_CONNECTIONS = 32;
/** Bytes that each connection sends and has echoed: several buffers' worth. */
const BYTES = 40_000;
const CHUNK = 4096;
/** Virtual milliseconds in which everything must be over, TIME-WAIT included. */
const PATIENCE_MS = 300_000;

/** What a program of one stack reads and writes. */
function heapOf(stack: Stack): TestUserMemory {
  return new TestUserMemory(stack.environment.arena.memory, new Uint8Array(2 * CHUNK));
}

/** Echoes what comes, and closes when nothing more does. */
class Echo implements SocketOwner {
  readonly #socket: StreamStackSocket;
  readonly #heap: TestUserMemory;
  #held = 0;
  #at = 0;

  constructor(socket: StreamStackSocket, heap: TestUserMemory) {
    this.#socket = socket;
    this.#heap = heap;
    socket.owner = this;
    this.onReady();
  }

  onReady(): void {
    for (;;) {
      if (this.#held === 0) {
        const got = this.#socket.receive(this.#heap, 0, CHUNK, 0);
        if (got === -Errno.EAGAIN) return;
        if (got <= 0) return this.#socket.close();
        [this.#held, this.#at] = [got, 0];
        this.#kept.set(this.#heap.bytes.subarray(0, got));
      }
      this.#heap.bytes.set(this.#kept.subarray(0, this.#at + this.#held));
      const sent = this.#socket.send(this.#heap, this.#at, this.#held, 0);
      if (sent < 0) return;
      this.#at += sent;
      this.#held -= sent;
    }
  }

  readonly #kept = new Uint8Array(CHUNK);
}

/** Sends a pattern, and checks what comes back. */
class Asker implements SocketOwner {
  sent = 0;
  received = 0;
  isRight = true;
  isOver = false;
  errno = 0;
  readonly #socket: StreamStackSocket;
  readonly #heap: TestUserMemory;
  readonly #salt: number;

  constructor(socket: StreamStackSocket, heap: TestUserMemory, salt: number) {
    this.#socket = socket;
    this.#heap = heap;
    this.#salt = salt;
    socket.owner = this;
  }

  onReady(ready: number): void {
    if (this.isOver) return;
    if ((ready & Ready.ERROR) !== 0) return this.#end(this.#socket.takeError());
    this.#send();
    this.#receive();
  }

  #send(): void {
    const { bytes } = this.#heap;
    while (this.sent < BYTES) {
      const count = Math.min(CHUNK, BYTES - this.sent);
      for (let index = 0; index < count; index++) bytes[index] = this.#byte(this.sent + index);
      const taken = this.#socket.send(this.#heap, 0, count, 0);
      if (taken <= 0) return;
      this.sent += taken;
      if (this.sent === BYTES) this.#socket.shutdown(1);
    }
  }

  #receive(): void {
    const { bytes } = this.#heap;
    for (;;) {
      const got = this.#socket.receive(this.#heap, CHUNK, CHUNK, 0);
      if (got === -Errno.EAGAIN || got === -Errno.ENOTCONN) return;
      if (got <= 0) return this.#end(-got);
      for (let index = 0; index < got; index++) {
        if (bytes[CHUNK + index] !== this.#byte(this.received + index)) this.isRight = false;
      }
      this.received += got;
    }
  }

  #byte(at: number): number {
    return Math.imul(at + this.#salt, 0x9e3779b1) >>> 24;
  }

  #end(errno: number): void {
    this.isOver = true;
    this.errno = errno;
    this.#socket.close();
  }
}

function socketOf(stack: Stack): StreamStackSocket {
  const socket = stack.streamSocket("ipv4");
  assert(typeof socket !== "number", `no socket: ${socket}`);
  return socket;
}

Deno.test("a small stack serves 32 connections at once, and the next one when there is room", () => {
  const net = new StackTopology({ seed: 1, sharesPackets: false });
  net.host("small", { profile: "small" });
  net.host("peer", { profile: "default" });
  net.link("small", "peer", { delayMs: 1 });
  net.build();
  const [small, peer] = [net.get("small"), net.get("peer")];
  const echoes = heapOf(small.stack);
  const listener = socketOf(small.stack);
  listener.owner = {
    onReady(): void {
      for (;;) {
        const socket = listener.accept();
        if (typeof socket === "number") return;
        new Echo(socket, echoes);
      }
    },
  };
  assertEquals(listener.bind(0, PORT, 0), 0);
  assertEquals(listener.listen(SMALL_CONNECTIONS), 0);

  const heap = heapOf(peer.stack);
  const address = small.plan.ports[0].ipv4;
  const askers = Array.from({ length: SMALL_CONNECTIONS + 1 }, (_, nth) => {
    const socket = socketOf(peer.stack);
    const asker = new Asker(socket, heap, nth);
    assertEquals(socket.connect(address, PORT, 0), -Errno.EINPROGRESS);
    return asker;
  });
  net.network.wake(peer.number);
  assert(net.network.runWhile(() => askers.every(({ isOver }) => isOver), PATIENCE_MS));
  for (const { errno, received, isRight } of askers) {
    assertEquals([errno, received, isRight], [0, BYTES, true]);
  }
  listener.close();
  net.network.runFor(PATIENCE_MS);
  for (const { stack } of [small, peer]) {
    assertEquals(stack.environment.arena.usedCount, 0);
    assertEquals(stack.tcp.connections, 0);
  }
});

Deno.test("a small stack is small", () => {
  const net = new StackTopology({ seed: 1, sharesPackets: false });
  net.host("small", { profile: "small" });
  net.host("peer", { profile: "small" });
  net.link("small", "peer");
  net.build();
  const { stack } = net.get("small");
  assert(stack.environment.arena.memory.length <= 1 << 20, "its packets take a megabyte at most");
  assertEquals(stack.sizes.tcp.connections, SMALL_CONNECTIONS);
  assertEquals([stack.sizes.sender.bufferBytes, stack.sizes.receiver.bufferBytes], [8192, 8192]);
});

Deno.test("sizes are those of a profile, but for what is chosen", () => {
  const sizes = sizesOf("server", { timers: 5, tcp: { connections: 7 } });
  assertEquals([sizes.timers, sizes.tcp.connections], [5, 7]);
  assertEquals(sizes.tcp.halfOpen, PROFILES.server.tcp.halfOpen);
  assertEquals(sizes.links, PROFILES.server.links);
});
