/** The servers that are compared: how each is started, and which cannot be here. */
import { type Found, pathOf, type Tools } from "./compile.ts";
import { RunningProcess } from "./processes.ts";
import { type PeerName, PEERS } from "./rows.ts";

const START_MS = 15_000;
const LIFETIME_SECONDS = 300;

/** How a peer appears in tables and charts. */
export const TITLES: Readonly<Record<PeerName, string>> = {
  millrace: "Millrace",
  millraceHost: "Millrace host",
  cUring: "C io_uring",
  cEpoll: "C epoll",
  bun: "Bun",
  denoListen: "Deno.listen",
  nodeNet: "node:net",
};

/** A server that listens. */
export interface Server {
  readonly process: RunningProcess;
  readonly port: number;
}

/** How peers and loads are started on this machine. */
export class Stage {
  readonly #tools: Tools;
  readonly #cores: readonly [number, number] | null;

  /**
   * @param tools what is there to run
   * @param cores the core of the server and the core of the load, or null to pin nothing
   */
  constructor(tools: Tools, cores: readonly [number, number] | null) {
    this.#tools = tools;
    this.#cores = tools.taskset.value === null ? null : cores;
  }

  /** Peers that cannot take part, each with its reason. */
  missing(): readonly { readonly peer: PeerName; readonly why: string }[] {
    return PEERS.flatMap((peer) => {
      const tool = this.#toolOf(peer);
      return tool === null || tool.value !== null ? [] : [{ peer, why: tool.why }];
    });
  }

  /**
   * Starts a peer on the server's core and waits until it listens.
   *
   * @throws {Error} if it does not, with its own words
   */
  async start(peer: PeerName, fetchProbe = false): Promise<Server> {
    const options = ["--lifetime", String(LIFETIME_SECONDS), ...(fetchProbe ? ["--fetch"] : [])];
    const process = new RunningProcess(
      this.#on(0, [...this.#command(peer), ...options]),
      fetchProbe,
    );
    try {
      const line = await process.line(START_MS);
      const port = Number(/^listening (\d+)$/.exec(line)?.[1]);
      if (!(port > 0)) throw new Error(`said ${JSON.stringify(line)}, not where it listens`);
      return { process, port };
    } catch (error) {
      await process.stop();
      throw error;
    }
  }

  /** The command of a load program, on the load's core. */
  load(program: "echo_load" | "storm" | "idle", options: Record<string, number>): string[] {
    const { c } = this.#tools;
    if (c.value === null) throw new Error(c.why);
    const values = Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
    return this.#on(1, [c.value[program], ...values]);
  }

  #on(role: 0 | 1, command: readonly string[]): string[] {
    const taskset = this.#tools.taskset.value;
    if (this.#cores === null || taskset === null) return [...command];
    return [taskset, "-c", String(this.#cores[role]), ...command];
  }

  #toolOf(peer: PeerName): Tools[keyof Tools] | null {
    if (peer === "cUring" || peer === "cEpoll") return this.#tools.c;
    if (peer === "bun") return this.#tools.bun;
    return peer === "nodeNet" ? this.#tools.node : null;
  }

  #command(peer: PeerName): readonly string[] {
    const { c, bun, node } = this.#tools;
    const deno = [Deno.execPath(), "run", "--no-prompt", "--no-config", "--allow-net=127.0.0.1"];
    const millrace = [...deno, "--allow-ffi", pathOf("peers/millrace.ts"), "--backend"];
    switch (peer) {
      case "millrace":
        return [...millrace, "kernel"];
      case "millraceHost":
        return [...deno, pathOf("peers/millrace.ts"), "--backend", "host"];
      case "denoListen":
        return [...deno, pathOf("peers/deno_listen.ts")];
      case "cUring":
        return [present(c).echo_uring];
      case "cEpoll":
        return [present(c).echo_epoll];
      case "bun":
        return [present(bun), pathOf("peers/bun_server.ts")];
      case "nodeNet":
        return [present(node), pathOf("peers/node_net.mjs")];
    }
  }
}

function present<T>(tool: Found<T>): T {
  if ("why" in tool) throw new Error(tool.why);
  return tool.value;
}
