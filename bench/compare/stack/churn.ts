/**
 * Connections opened and closed between two stacks with 16 addresses each, both in this one thread:
 * `deno run -A churn.ts --seconds 2`. Time in the stacks is virtual, so that TIME-WAIT passes.
 */
import { argument } from "../peers/arguments.ts";
import { PacketArena, sizeClasses } from "../../../stack/memory/mod.ts";
import { FrameQueue } from "../../../stack/frame_queue.ts";
import { SeededRandom } from "../../../stack/random.ts";
import { Ready, type StreamStackSocket } from "../../../stack/socket.ts";
import { Stack } from "../../../stack/stack.ts";

const ADDRESSES = 16;
const PORT = 80;
const AT_ONCE = 64;
const BACKLOG = 1024;
/** A server and a client of one network, 10.0.0.0/16. */
const SERVER = 0x0a00_0001;
const CLIENT = 0x0a00_0101;
/** Virtual microseconds between two steps. */
const TICK = 100;

function makeStack(seed: number, arena: PacketArena, first: number): Stack {
  const stack = new Stack({
    random: new SeededRandom(seed),
    arena,
    profile: "server",
    detectionTransmits: 0,
  });
  const link = stack.links.addInterface({
    name: "eth0",
    kind: "ethernet",
    mac: 0x0200_0000_0000 + seed,
  });
  if (typeof link === "number") throw new Error(`no interface: errno ${-link}`);
  stack.links.setUp(link.index, true);
  for (let nth = 0; nth < ADDRESSES; nth++) stack.links.addAddress(link.index, first + nth, 16);
  return stack;
}

function socketOf(stack: Stack): StreamStackSocket {
  const socket = stack.streamSocket("ipv4");
  if (typeof socket === "number") throw new Error(`no socket: errno ${-socket}`);
  return socket;
}

const seconds = Number(argument("seconds", "2"));
const arena = new PacketArena({
  classes: sizeClasses({ small: 16_384, medium: 16_384, large: 16 }),
});
const server = makeStack(1, arena, SERVER);
const client = makeStack(2, arena, CLIENT);
const listener = socketOf(server);
listener.owner = {
  onReady(): void {
    for (;;) {
      const accepted = listener.accept();
      if (typeof accepted === "number") return;
      // The server closes when the client has.
      accepted.owner = {
        onReady(ready: number): void {
          if ((ready & (Ready.READ_HANGUP | Ready.HANGUP | Ready.ERROR)) !== 0) accepted.close();
        },
      };
    }
  },
};
listener.bind(0, PORT, 0);
listener.listen(BACKLOG);

let opened = 0;
let failed = 0;
let atOnce = 0;
function open(): void {
  const socket = socketOf(client);
  const nth = opened + failed + atOnce++;
  socket.owner = {
    onReady(ready: number): void {
      if ((ready & Ready.ERROR) !== 0) failed++;
      else if ((ready & Ready.OUT) !== 0) opened++;
      else return;
      atOnce--;
      socket.owner = null;
      socket.close();
    },
  };
  socket.bind(CLIENT + nth % ADDRESSES, 0, 0);
  socket.connect(SERVER + (nth >> 4) % ADDRESSES, PORT, 0);
}

const [toServer, toClient] = [new FrameQueue(8192), new FrameQueue(8192)];
function carry(from: Stack, to: FrameQueue): void {
  const { output, environment: { packets } } = from;
  while (output.size > 0) {
    const index = output.interface;
    const packet = output.shift();
    packets.clear(packet);
    if (!to.push(index, packet)) arena.release(packet);
  }
}

let now = 0;
function turn(): void {
  while (atOnce < AT_ONCE) open();
  carry(client, toServer);
  carry(server, toClient);
  now += TICK;
  server.step(now, toServer);
  client.step(now, toClient);
}

const warm = performance.now() + 500;
while (performance.now() < warm) for (let turns = 0; turns < 100; turns++) turn();
const [start, before] = [performance.now(), opened];
while (performance.now() - start < seconds * 1000) for (let turns = 0; turns < 100; turns++) turn();
const connectionsPerSecond = (opened - before) / (performance.now() - start) * 1000;
if (failed > 0) throw new Error(`${failed} connections failed`);
console.log(JSON.stringify({ connectionsPerSecond }));
