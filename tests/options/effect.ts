/**
 * The list of effects: what options do that can be seen from outside, each shown by a program that
 * runs alone in a network namespace of its own. Modules under `effects/` add to it.
 *
 * @module
 */

import { assert } from "@std/assert";
import { type Packet, PcapReader } from "./packet.ts";
import type {
  ConnectOptions,
  ListenOptions,
  NetworkCapability,
  TcpEndpoint,
  TcpStream,
} from "../../mod.ts";

/** Runs in the namespace, as root unless said otherwise. */
export type EffectBody = (t: Inside) => Promise<void>;

/** What an effect needs beside root and `ip`. */
export interface EffectNeeds {
  /** Programs that have to be installed. */
  readonly programs?: readonly string[];
  /** What else stands against it, "" for nothing. */
  readonly obstacle?: () => string;
  /** How the program is run, such as with fewer privileges. */
  readonly under?: readonly string[];
}

/** One thing that an option does. */
export interface Effect {
  readonly name: string;
  readonly needs: EffectNeeds;
  readonly body: EffectBody;
}

/** Everything that is shown, in order. */
export const effects: Effect[] = [];

/** Adds an effect. @param name a sentence, unique in the list */
export function effect(name: string, needs: EffectNeeds, body: EffectBody): void {
  if (effects.some((other) => other.name === name)) throw new Error(`two effects are ${name}`);
  effects.push({ name, needs, body });
}

/** Packets that are awaited come within this time, or something is wrong. */
const PACKET_LIMIT_MS = 10_000;

/** Both ends of a connection over the namespace's loopback. */
export interface Pair {
  readonly client: TcpStream;
  readonly server: TcpStream;
  readonly endpoint: TcpEndpoint;
}

/** A capture on a device of the namespace. */
export class Capture implements AsyncDisposable {
  /** What was captured so far. */
  readonly packets: Packet[] = [];
  readonly #process: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  #wake: () => void = () => {};
  #isOver = false;

  private constructor(process: Deno.ChildProcess) {
    this.#process = process;
    this.#reading = this.#read();
  }

  /** Begins to capture. @returns when no packet can be missed any more */
  static async start(filter = "tcp or udp", device = "lo"): Promise<Capture> {
    const process = new Deno.Command("tcpdump", {
      args: [
        "-i",
        device,
        "-n",
        "-U",
        "--immediate-mode",
        "-s",
        "256",
        "-w",
        "-",
        ...filter.split(" "),
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    Capture.#listen(process.stderr, resolve).then(reject);
    await promise;
    return new Capture(process);
  }

  /** Reads what tcpdump says to its end: it would not survive that nobody does. */
  static async #listen(stderr: ReadableStream<Uint8Array>, begun: () => void): Promise<Error> {
    let said = "";
    const decoder = new TextDecoder();
    for await (const bytes of stderr) {
      said += decoder.decode(bytes);
      if (said.includes("listening on")) begun();
    }
    return new Error(`tcpdump: ${said}`);
  }

  /** Waits for a packet, captured already or yet to come. */
  async find(what: string, matches: (packet: Packet) => boolean): Promise<Packet> {
    const [packet] = await this.findMany(what, 1, matches);
    return packet;
  }

  /** Waits for some packets. @returns the first `count` that match */
  async findMany(
    what: string,
    count: number,
    matches: (packet: Packet) => boolean,
  ): Promise<Packet[]> {
    const signal = AbortSignal.timeout(PACKET_LIMIT_MS);
    while (true) {
      const found = this.packets.filter(matches);
      if (found.length >= count) return found.slice(0, count);
      assert(!this.#isOver && !signal.aborted, `${what}: ${found.length} of ${count} were seen`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  async #read(): Promise<void> {
    const reader = new PcapReader();
    for await (const bytes of this.#process.stdout) {
      this.packets.push(...reader.take(bytes));
      this.#wake();
    }
    this.#isOver = true;
    this.#wake();
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#reading;
    await this.#process.status;
  }
}

/** What an effect has to work with, inside its namespace. */
export class Inside {
  readonly capability: NetworkCapability;

  constructor(capability: NetworkCapability) {
    this.capability = capability;
  }

  /** Connects two streams. */
  async pair(
    options: { listen?: ListenOptions; connect?: ConnectOptions; host?: string } = {},
  ): Promise<Pair> {
    const { host = "127.0.0.1", listen, connect } = options;
    const endpoint = await this.capability.listen(`${host}:0`, listen);
    const accepting = endpoint.accept();
    const client = await this.capability.connect(endpoint.addr, connect);
    return { client, server: await accepting, endpoint };
  }

  /** Runs a program in the namespace. @returns what it printed */
  async run(command: string | readonly string[]): Promise<string> {
    const [program, ...args] = typeof command === "string" ? command.split(" ") : command;
    const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
    const decoder = new TextDecoder();
    assert(success, `${command}: ${decoder.decode(stderr)}`);
    return decoder.decode(stdout);
  }

  /** Drops what arrives for or from a TCP port, after a capture has seen it. */
  async drop(port: number): Promise<void> {
    await this.run("nft add table inet millrace");
    await this.run("nft add chain inet millrace in { type filter hook input priority 0 ; }");
    for (const side of ["dport", "sport"]) {
      await this.run(`nft add rule inet millrace in tcp ${side} ${port} drop`);
    }
  }

  /** Counts what leaves and matches. @returns how to ask how many packets that were */
  async count(match: string): Promise<() => Promise<number>> {
    await this.run("nft add table inet counts");
    await this.run("nft add chain inet counts out { type filter hook output priority 0 ; }");
    await this.run(`nft add rule inet counts out ${match} counter`);
    return async () => {
      const listed = await this.run("nft list chain inet counts out");
      return Number(/counter packets (\d+)/.exec(listed)![1]);
    };
  }
}

/** Receives exactly this many bytes. */
export async function receiveBytes(stream: TcpStream, bytes: number): Promise<void> {
  for (let count = 0; count < bytes;) {
    using lease = await stream.receive();
    assert(lease !== null, `the stream ended after ${count} of ${bytes} bytes`);
    count += lease.length;
  }
}
