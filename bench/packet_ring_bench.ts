/**
 * Packets from this thread to a Worker: through a `ZeroCopyBuffer`, and by `postMessage`, which is
 * what Deno has. Each measured call is a number of packets and one answer, so divide by the count
 * in its name; the last group is one packet there and one back.
 *
 * Every byte of a packet is written by the sender and a sum of some is made by the receiver, so
 * that all of them have to move.
 *
 * @module
 */

import { printMachine } from "./support.ts";
import { ZeroCopyBuffer } from "../native/packet/zero_copy_buffer.ts";

printMachine();

/** Bytes of a packet, and how many there are of them in a call. */
const SIZES: readonly (readonly [bytes: number, count: number])[] = [
  [64, 1000],
  [1500, 1000],
  [16384, 200],
  [262144, 40],
];

const SOURCE = `
import { ZeroCopyBuffer } from ${JSON.stringify(import.meta.resolve("../mod.ts"))};
let sum = 0;
let left = 0;
self.onmessage = async ({ data }) => {
  if (data instanceof Uint8Array) {
    sum += data[0] + data[data.length - 1];
    if (--left === 0) self.postMessage(sum);
  } else if (typeof data === "number") {
    left = data;
  } else {
    const [requests, answers] = data.map((handle) => ZeroCopyBuffer.attach(handle));
    for (;;) {
      for (const packet of await requests.popBatch(64)) {
        const { bytes } = packet;
        if (bytes.length === 8) left = new Uint32Array(packet.copy().buffer)[0];
        else sum += bytes[0] + bytes[bytes.length - 1];
        packet.release();
        if (bytes.length !== 8 && --left === 0) await answers.push(new Uint8Array(1));
      }
    }
  }
};`;

function startWorker(): Worker {
  const url = `data:text/javascript,${encodeURIComponent(SOURCE)}`;
  return new Worker(url, { type: "module" });
}

const requests = ZeroCopyBuffer.create({ slots: 1024, arenaBytes: 16 * 1024 * 1024 });
const answers = ZeroCopyBuffer.create({ slots: 16, arenaBytes: 0 });
startWorker().postMessage([requests.handle, answers.handle]);
const plain = startWorker();
let answered: () => void = () => {};
plain.onmessage = () => answered();
// Deno ends a bench whose event loop has nothing left.
setInterval(() => {}, 1000);

function announce(count: number): Promise<void> {
  return requests.push(new Uint8Array(new Uint32Array([count, 0]).buffer));
}

async function takeAnswer(): Promise<void> {
  (await answers.pop())!.release();
}

for (const [bytes, count] of SIZES) {
  const group = `${bytes} B`;
  const packet = new Uint8Array(bytes);

  Deno.bench({
    name: `${count} × ${bytes} B, postMessage`,
    group,
    baseline: true,
    async fn() {
      plain.postMessage(count);
      const done = new Promise<void>((resolve) => answered = resolve);
      for (let index = 0; index < count; index++) plain.postMessage(packet.fill(index));
      await done;
    },
  });

  Deno.bench({
    name: `${count} × ${bytes} B, postMessage, transferred`,
    group,
    async fn() {
      plain.postMessage(count);
      const done = new Promise<void>((resolve) => answered = resolve);
      for (let index = 0; index < count; index++) {
        const fresh = new Uint8Array(bytes).fill(index);
        plain.postMessage(fresh, [fresh.buffer]);
      }
      await done;
    },
  });

  Deno.bench({
    name: `${count} × ${bytes} B, push`,
    group,
    async fn() {
      await announce(count);
      for (let index = 0; index < count; index++) {
        packet.fill(index);
        if (!requests.tryPush(packet)) await requests.push(packet);
      }
      await takeAnswer();
    },
  });

  Deno.bench({
    name: `${count} × ${bytes} B, reserve`,
    group,
    async fn() {
      await announce(count);
      for (let index = 0; index < count; index++) {
        const room = requests.tryReserve(bytes) ?? await requests.reserve(bytes);
        room.bytes.fill(index);
        room.commit();
      }
      await takeAnswer();
    },
  });
}

const small = new Uint8Array(64);

Deno.bench({
  name: "64 B there and back, postMessage",
  group: "round trip",
  baseline: true,
  async fn() {
    plain.postMessage(1);
    const done = new Promise<void>((resolve) => answered = resolve);
    plain.postMessage(small);
    await done;
  },
});

Deno.bench({
  name: "64 B there and back, pop",
  group: "round trip",
  async fn() {
    await announce(1);
    await requests.push(small);
    await takeAnswer();
  },
});

Deno.bench({
  name: "64 B there and back, popSync",
  group: "round trip",
  async fn() {
    await announce(1);
    requests.pushSync(small);
    answers.popSync()!.release();
  },
});
