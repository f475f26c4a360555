import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import type { RingLetter } from "./messages.ts";
import { ShardChannels } from "./shard_channels.ts";

/** Three shards with channels as Workers have them, and what was said to each. */
function three(): { channels: ShardChannels[]; heard: string[] } {
  const heard: string[] = [];
  const channels = [0, 1, 2].map((index) =>
    new ShardChannels(index, {
      onLetter: (from, letter) => void heard.push(`${index} from ${from}: ${letter.type}`),
      onQuestion: async (from, request) => {
        if (request === "nothing") throw new Error(`${index} knows nothing`);
        if (request === "never") await new Promise(() => {});
        return `${index} to ${from}: ${request}`;
      },
    })
  );
  const ports: (MessagePort | null)[] = [null];
  for (const channel of channels.slice(1)) {
    const { port1, port2 } = new MessageChannel();
    ports.push(port1);
    channel.connect([port2]);
  }
  channels[0].connect(ports);
  return { channels, heard };
}

const END: RingLetter = { type: "end", ring: 1 };

Deno.test("letters and questions get to every shard, by shard 0", async () => {
  const { channels, heard } = three();
  channels[1].sendLetter(2, END);
  channels[0].sendLetter(1, END);
  assertEquals(await channels[1].ask(2, "what"), "2 to 1: what");
  assertEquals(await channels[0].ask(1, "what"), "1 to 0: what");
  assertEquals(await channels[2].ask(0, "what"), "0 to 2: what");
  assertEquals(heard.sort(), ["1 from 0: end", "2 from 1: end"]);
  await assertRejects(() => channels[1].ask(2, "nothing"), Error, "2 knows nothing");
  for (const channel of channels) channel.close();
});

Deno.test("a shard that has ended answers nothing, and nobody waits for it", async () => {
  const { channels } = three();
  const waiting = channels[1].ask(2, "never");
  channels[1].fail(2);
  await assertRejects(() => waiting, Error, "shard 2 has ended");
  await assertRejects(() => channels[1].ask(2, "what"), Error, "shard 2 has ended");
  assertEquals(await channels[1].ask(0, "what"), "0 to 1: what");
  for (const channel of channels) channel.close();
});

Deno.test("who has no channel yet says so, and does not wait", async () => {
  const early = new ShardChannels(1, {
    onLetter: () => {},
    onQuestion: () => Promise.resolve(null),
  });
  await assertRejects(() => early.ask(0, "what"), Error, "shard 1 has no channel yet");
  assertThrows(() => early.sendLetter(0, END), Error, "shard 1 has no channel yet");
});
