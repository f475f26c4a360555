/**
 * How much memory an idle connection takes: two stacks on one wire, many connections that have
 * echoed one message each, and then nothing for an hour. Long messages make windows grow, which
 * congestion control remembers.
 *
 * ```sh
 * deno run -A --v8-flags=--expose-gc bench/stack_idle_bench.ts [connections] [bytes] [--json]
 * ```
 *
 * Objects are what the heap has grown by, for each end of a connection; typed arrays are what a
 * stack for so many connections has beyond one for a few: places in tables and timers.
 *
 * @module
 */

import type { SizeChoices } from "../stack/profiles.ts";
import type { StreamStackSocket, UserMemory } from "../stack/socket.ts";
import { addressOf, socketOf, Wire } from "./stack_wire.ts";
import { printMachine } from "./support.ts";

/** What one end of an idle connection takes, in bytes. */
export interface IdleCost {
  readonly connections: number;
  /** Bytes of the message that each has echoed. */
  readonly message: number;
  readonly objects: number;
  readonly arrays: number;
}

const CONNECTIONS = 100_000;
const FEW = 16;
/** Connections that are opened at once. */
const BATCH = 500;
/** And fewer of those with long messages. */
const LONG = 1000;
const LONG_BATCH = 50;
/** Ports of the server: one for so many connections as there are ephemeral ports. */
const PORT = 80;
const CONNECTIONS_PER_PORT = 20_000;
const MESSAGES = [64, 20_000] as const;
const MILLISECOND = 1000;
/** What is sent has arrived after this time. */
const DELIVERY = 50 * MILLISECOND;
const HOUR = 3_600_000_000;

const nowhere: UserMemory = { copyIn() {}, copyOut() {} };

function sizesFor(connections: number): SizeChoices {
  return {
    timers: connections + 4096,
    tcp: { connections, halfOpen: 1024, timeWaits: 1024, bindings: connections + 64 },
  };
}

/** Opens connections of which each has echoed a message, and puts both ends into a list. */
function openAll(wire: Wire, count: number, message: number, held: StreamStackSocket[]): void {
  const [client, server] = wire.stacks;
  const listeners = Array.from({ length: Math.ceil(count / CONNECTIONS_PER_PORT) }, (_, nth) => {
    const listener = socketOf(server);
    listener.bind(0, PORT + nth, 0);
    listener.listen(BATCH);
    return listener;
  });
  const most = message > LONG ? LONG_BATCH : BATCH;
  // The first one alone: it resolves the addresses.
  for (let done = 0, batch = 1; done < count; done += batch, batch = most) {
    const nth = Math.floor(done / CONNECTIONS_PER_PORT);
    const first = held.length;
    for (let each = 0; each < Math.min(batch, count - done); each++) {
      const socket = socketOf(client);
      const result = socket.connect(addressOf(1), PORT + nth, 0);
      if (result !== -115) throw new Error(`connect: ${result}`);
      held.push(socket);
    }
    wire.run();
    const middle = held.length;
    for (let at = first; at < middle; at++) exchange(held[at], "send", message);
    wire.pass(DELIVERY);
    for (;;) {
      const accepted = listeners[nth].accept();
      if (typeof accepted === "number") break;
      exchange(accepted, "receive", message);
      exchange(accepted, "send", message);
      held.push(accepted);
    }
    wire.pass(DELIVERY);
    for (let at = first; at < middle; at++) exchange(held[at], "receive", message);
    wire.pass(DELIVERY);
  }
  if (held.length !== 2 * count) throw new Error(`${held.length} ends of ${count} connections`);
}

function exchange(socket: StreamStackSocket, what: "send" | "receive", bytes: number): void {
  const result = socket[what](nowhere, 0, bytes, 0);
  if (result !== bytes) throw new Error(`${what}: ${result}`);
}

/** Measures what an idle connection takes. */
export function measureIdle(
  connections: number,
  message: number,
  collect: () => void,
): IdleCost {
  // What is there before the first connection is not counted: code, and what compiling it took.
  const small = weighArrays(FEW);
  const large = weighArrays(connections);
  const wire = new Wire(sizesFor(connections));
  const held: StreamStackSocket[] = [];
  collect();
  const before = Deno.memoryUsage().heapUsed;
  openAll(wire, connections, message, held);
  wire.pass(HOUR);
  collect();
  const objects = (Deno.memoryUsage().heapUsed - before) / held.length;
  return { connections, message, objects, arrays: (large - small) / 2 / connections };
}

/** Makes two stacks and uses them a little. @returns bytes of the typed arrays that they made */
function weighArrays(connections: number): number {
  const names = ["ArrayBuffer", "Uint8Array", "Uint16Array", "Int32Array", "Uint32Array"] as const;
  const scope = globalThis as unknown as Record<string, Int32ArrayConstructor>;
  let bytes = 0;
  const originals = [...names, "Float64Array"].map((name) => {
    const original = scope[name];
    scope[name] = new Proxy(original, {
      construct(target, parts) {
        const made: Int32Array = Reflect.construct(target, parts);
        // A view of a buffer has no memory of its own.
        if (typeof parts[0] !== "object") bytes += made.byteLength;
        return made;
      },
    });
    return [name, original] as const;
  });
  openAll(new Wire(sizesFor(connections)), FEW, LONG, []);
  for (const [name, original] of originals) scope[name] = original;
  return bytes;
}

if (import.meta.main) {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error("it needs --v8-flags=--expose-gc");
  const isJson = Deno.args.includes("--json");
  const [connections = CONNECTIONS, chosen] = Deno.args.filter((word) => word !== "--json")
    .map(Number);
  if (!isJson) printMachine();
  for (const message of chosen === undefined ? MESSAGES : [chosen]) {
    const cost = measureIdle(connections, message, gc);
    if (isJson) {
      console.log(JSON.stringify(cost));
      continue;
    }
    const { objects, arrays } = cost;
    console.log(`${connections} idle connections behind ${message} bytes, for each end of one:`);
    console.log(`  objects      ${objects.toFixed(0)} bytes`);
    console.log(`  typed arrays ${arrays.toFixed(0)}`);
    console.log(`  together     ${(objects + arrays).toFixed(0)}`);
  }
}
