import { assert, assertEquals } from "@std/assert";
import type { Environment } from "../../stack/environment.ts";
import { randomBelow, randomChance, SeededRandom } from "../../stack/random.ts";
import { CONGESTION_CONTROLS, makeCongestionControl } from "../../stack/tcp/congestion/mod.ts";
import type { TcpSocket } from "../../stack/tcp/socket.ts";
import { SEED } from "../support/seed.ts";
import { LOST, TestNetwork } from "../support/stack/tcp/network.ts";

const MILLISECOND = 1000;
const SECOND = 1_000_000;
const LOSS = 0.05;
const LONGEST = 120 * SECOND;

/** A mebibyte of text that repeats nowhere soon. */
const TEXT = Array.from({ length: 1 << 16 }, (_, nth) => nth.toString(16).padStart(16, "."))
  .join("");

/** Sends the text through a path that loses and reorders. @returns how long that took */
function transfer(name: string, offloadBytes: number, seed: number): number {
  const random = new SeededRandom(seed);
  const network = new TestNetwork({ offloadBytes });
  network.rule = () =>
    randomChance(random, LOSS) ? LOST : 5 * MILLISECOND + randomBelow(random, MILLISECOND);
  const parts = {
    congestionControl: (_: string, bytes: number, environment: Environment) =>
      makeCongestionControl(name, bytes, environment),
  };
  const client = network.addHost({}, parts);
  const server = network.addHost({}, parts);
  const listener = server.listen(80);
  const socket = client.connect(server, 80);
  let accepted: TcpSocket | undefined;
  let received = "";
  let sent = 0;
  const start = network.now;
  while (received.length < TEXT.length) {
    assert(network.now - start < LONGEST, `${received.length} bytes have arrived`);
    while (sent < TEXT.length) {
      const taken = client.write(socket, TEXT.slice(sent, sent + 65536));
      if (taken <= 0) break;
      sent += taken;
    }
    network.run(10 * MILLISECOND);
    network.sent.length = 0;
    if (accepted === undefined) {
      const result = listener.accept();
      if (typeof result !== "number") accepted = result as TcpSocket;
      continue;
    }
    for (let part = server.read(accepted); typeof part === "string"; part = server.read(accepted)) {
      if (part === "") break;
      received += part;
    }
  }
  assertEquals(received === TEXT, true, "other bytes arrive than were sent");
  return network.now - start;
}

for (const name of CONGESTION_CONTROLS) {
  for (const offloadBytes of [0, 65535]) {
    const how = offloadBytes > 0 ? "with offload" : "without offload";
    Deno.test(`two stacks deliver every byte over a bad path: ${name} ${how}`, () => {
      console.log(`seed ${SEED} (MILLRACE_SEED=${SEED} repeats it)`);
      transfer(name, offloadBytes, SEED);
    });
  }
}
