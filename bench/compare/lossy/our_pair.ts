/** One flow between two of our stacks over a simulated link, in virtual time. */
import { PacketArena, PacketMemory, sizeClasses } from "../../../stack/memory/mod.ts";
import type { LinkOptions } from "../../../stack/sim/link_options.ts";
import { StackTopology } from "../../../stack/sim/stack_topology.ts";
import { PatternMemory } from "../../../stack/sim/traffic.ts";
import { Ready, type StreamStackSocket } from "../../../stack/socket.ts";
import type { Stack } from "../../../stack/stack.ts";

const PORT = 5000;
const CHUNK_BYTES = 65_536;
const MEMORY_BYTES = 100 << 20;
const PACKETS = { small: 16_384, medium: 16_384, large: 256 } as const;
/** Virtual milliseconds before the flow begins, for the addresses to be ours. */
const SETTLE_MS = 3000;

function socketOf(stack: Stack): StreamStackSocket {
  const socket = stack.streamSocket("ipv4");
  if (typeof socket === "number") throw new Error(`no socket: errno ${-socket}`);
  return socket;
}

/**
 * Sends for some virtual seconds from the moment of `connect`.
 *
 * @returns what arrived, in Mbit/s
 */
export function measureOurPair(
  seed: number,
  seconds: number,
  link: LinkOptions,
  congestionControl: string,
): number {
  const arena = new PacketArena({
    classes: sizeClasses(PACKETS),
    memory: new PacketMemory(MEMORY_BYTES),
  });
  const net = new StackTopology({ seed, traceBytes: false, arena });
  for (const name of ["sender", "receiver"]) {
    net.host(name, { sizes: { tcp: { congestionControl } } });
  }
  net.link("sender", "receiver", link);
  net.build();
  net.network.runFor(SETTLE_MS);
  const [sender, receiver] = [net.get("sender"), net.get("receiver")];
  const memory = new PatternMemory(arena.memory);
  const listener = socketOf(receiver.stack);
  const client = socketOf(sender.stack);
  let arrived = 0;
  listener.owner = {
    onReady(): void {
      const socket = listener.accept();
      if (typeof socket === "number") return;
      const onReady = (): void => {
        for (;;) {
          const bytes = socket.receive(memory, memory.room, CHUNK_BYTES, 0);
          if (bytes <= 0) return;
          arrived += bytes;
        }
      };
      socket.owner = { onReady };
      onReady();
    },
  };
  client.owner = {
    onReady(ready: number): void {
      if ((ready & Ready.OUT) !== 0) { while (client.send(memory, 0, CHUNK_BYTES, 0) > 0); }
    },
  };
  listener.bind(0, PORT, 0);
  listener.listen(1);
  client.connect(receiver.plan.ports[0].ipv4, PORT, 0);
  net.network.wake(sender.number);
  net.network.runFor(seconds * 1000);
  return arrived * 8 / 1e6 / seconds;
}
