/** The programs that are compared: how each is started, and which cannot be here. */
import type { CProgram, Tools } from "./compile.ts";
import { RunningProcess } from "./processes.ts";
import { commandOf, type Grants, type Role, toolOf } from "./programs.ts";
import { type PeerName, PEERS } from "./row.ts";

export { TITLES } from "./programs.ts";

const START_MS = 15_000;
const LIFETIME_SECONDS = 300;

/** Options of a program, by name. */
export type ProgramOptions = Readonly<Record<string, number | string>>;

/** What a peer is started with beside its program. */
export interface StartOptions {
  readonly options?: ProgramOptions;
  readonly grants?: Grants;
  /** It fetches beside its work, and is told when by its standard input. */
  readonly fetchProbe?: boolean;
}

/** A peer that is at work. */
export interface Server {
  readonly process: RunningProcess;
  /** Where it listens: a port, or the path of a Unix socket; empty if it sends. */
  readonly place: string;
}

/** How peers and loads are started on this machine. */
export class Stage {
  readonly #tools: Tools;
  readonly #cores: readonly [number, number] | null;
  readonly #prefix: readonly string[];

  /**
   * @param tools what is there to run
   * @param prefix what to put in front of every command
   * @param cores the core of the server and the core of the load, or null to pin nothing
   */
  constructor(
    tools: Tools,
    cores: readonly [number, number] | null,
    prefix: readonly string[] = [],
  ) {
    this.#tools = tools;
    this.#prefix = prefix;
    this.#cores = tools.taskset.value === null ? null : cores;
  }

  /** Peers that cannot take part, each with its reason. */
  missing(): readonly { readonly peer: PeerName; readonly why: string }[] {
    return PEERS.flatMap((peer) => {
      const tool = toolOf(this.#tools, peer);
      return tool === null || tool.value !== null ? [] : [{ peer, why: tool.why }];
    });
  }

  /**
   * Starts a peer on the server's core and waits until it says that it listens, or sends.
   *
   * @throws {Error} if it does not, with its own words
   */
  async start(peer: PeerName, role: Role, start: StartOptions = {}): Promise<Server> {
    const { options = {}, grants = {}, fetchProbe = false } = start;
    const process = new RunningProcess(
      this.#on(0, [
        ...commandOf(this.#tools, peer, role, grants),
        ...asArguments({ lifetime: LIFETIME_SECONDS, ...options }),
        ...(fetchProbe ? ["--fetch"] : []),
      ]),
      fetchProbe,
    );
    try {
      const line = await process.line(START_MS);
      const said = /^(?:listening (\S+)|sending)$/.exec(line);
      if (said === null) throw new Error(`said ${JSON.stringify(line)}, not where it listens`);
      return { process, place: said[1] ?? "" };
    } catch (error) {
      await process.stop();
      throw error;
    }
  }

  /** The command of a load program, on the load's core. */
  load(program: CProgram, options: ProgramOptions): string[] {
    const { c } = this.#tools;
    if (c.value === null) throw new Error(c.why);
    return this.#on(1, [c.value[program], ...asArguments(options)]);
  }

  #on(role: 0 | 1, command: readonly string[]): string[] {
    const taskset = this.#tools.taskset.value;
    if (this.#cores === null || taskset === null) return [...this.#prefix, ...command];
    return [...this.#prefix, taskset, "-c", String(this.#cores[role]), ...command];
  }
}

function asArguments(options: ProgramOptions): string[] {
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
}
