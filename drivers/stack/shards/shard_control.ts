/**
 * The control API of a stack of shards: what changes the stack is done on each shard, one request
 * after the other, and shard 0 answers; what shows it is put together of what all of them tell.
 *
 * @module
 */

import { openPort } from "../../port/open.ts";
import type { PipeHandle } from "../../port/pipe_handle.ts";
import type { SteeringRule } from "../../../stack/steering/mod.ts";
import type { Configurator } from "../configurator.ts";
import { importDefault } from "../import_default.ts";
import type { InterfaceInfo, StackInfo } from "../information.ts";
import { checkInterfaceOptions, type StackInterfaceOptions } from "../options.ts";
import type { ShardFrames, ShardPlace } from "./types.ts";

/** A request: `{ command, ... }`. */
type Request = Readonly<Record<string, unknown>>;

/** Requests that shard 0 answers alone: there is nothing else to tell, or to change. */
const OF_SHARD_ZERO: ReadonlySet<unknown> = new Set(["routes"]);

/** What the control of one shard is made of. */
export interface ShardControlParts {
  readonly place: ShardPlace;
  readonly frames: ShardFrames;
  readonly configurator: Configurator;
  /**
   * Has another shard answer a request: shard 0 for all of them, each other one for itself.
   *
   * @throws {Error} with its words
   */
  readonly ask: (shard: number, request: Request) => Promise<unknown>;
}

/** Answers requests about a stack of shards, and those of the other shards about its own. */
export class ShardControl {
  readonly #parts: ShardControlParts;
  /** The numbers that a capture has with each shard, by that with shard 0. */
  readonly #captures = new Map<number, number[]>();
  /** When the last request has been answered. */
  #last: Promise<unknown> = Promise.resolve();

  /** @param parts what it is made of */
  constructor(parts: ShardControlParts) {
    this.#parts = parts;
  }

  /** Answers a request about the stack. @throws {Error} whose message says what is wrong with it */
  control(request: unknown): Promise<unknown> {
    const { place, ask } = this.#parts;
    if (place.index !== 0) return ask(0, request as Request);
    const answered = this.#last.then(() => this.#answer(request as Request));
    this.#last = answered.catch(() => {});
    return answered;
  }

  /** Answers what another shard asks. */
  hear(from: number, request: unknown): Promise<unknown> {
    if (this.#parts.place.index === 0) return this.control(request);
    if (from !== 0) throw new Error(`stack: shard ${from} asks what only shard 0 does`);
    return Promise.try(() => this.#answerAlone(request as Request));
  }

  #answerAlone(request: Request): unknown {
    const { configurator, frames } = this.#parts;
    if (request.command === "steer") return this.#steer(request);
    if (request.command !== "addInterface") return configurator.control(request);
    const port = frames.openEnd(request.port as PipeHandle);
    return configurator.control({ ...request, port });
  }

  async #answer(request: Request): Promise<unknown> {
    const { configurator } = this.#parts;
    const { command } = request;
    switch (command) {
      case "addInterface":
        return await this.#addInterface(request);
      case "info":
        return mergeInfo(await this.#askAll(request) as StackInfo[]);
      case "statistics":
        return this.#mergeStatistics(await this.#askAll(request));
      case "beginCapture":
        return await this.#beginCapture(request);
      case "endCapture":
        return await this.#endCapture(request);
      case "steer":
        // Each shard has to know whose the answers to its connections are.
        await this.#steer(request);
        await this.#askOthers(() => request);
        return null;
    }
    if (OF_SHARD_ZERO.has(command)) return configurator.control(request);
    return (await this.#askAll(request))[0];
  }

  /** Has each shard answer, shard 0 first: what it refuses is asked of no other. */
  async #askAll(request: Request): Promise<unknown[]> {
    const { configurator } = this.#parts;
    const answer = await configurator.control(request);
    return [answer, ...await this.#askOthers(() => request)];
  }

  async #askOthers(requestOf: (shard: number) => Request): Promise<unknown[]> {
    const { place, ask } = this.#parts;
    const asked = [];
    for (let shard = 1; shard < place.count; shard++) asked.push(ask(shard, requestOf(shard)));
    return await Promise.all(asked);
  }

  /** The others' interfaces are the ends behind shard 0's director, and else like its own. */
  async #addInterface(request: Request): Promise<InterfaceInfo> {
    const { command, ...rest } = request;
    const options = rest as unknown as StackInterfaceOptions;
    const { configurator, frames } = this.#parts;
    checkInterfaceOptions(options);
    const directed = frames.direct(openPort(options.port));
    const info = configurator.control({ ...request, port: directed.own }) as InterfaceInfo;
    const { name, mtu } = info;
    const mac = info.mac === "" ? undefined : info.mac;
    try {
      await this.#askOthers((shard) => {
        const port = directed.ends[shard - 1];
        return { ...request, command, port, name, mtu, mac };
      });
    } catch (error) {
      const remove = { command: "removeInterface", name };
      configurator.control(remove);
      await this.#askOthers(() => remove).catch(() => {});
      throw error;
    }
    return info;
  }

  /** Sets the director's rule: a function, the default export of a module, or none. */
  async #steer({ rule, module }: Request): Promise<null> {
    const given = module === undefined ? rule : await importDefault(String(module));
    if (given !== null && typeof given !== "function") {
      throw new TypeError("a rule of the flow director is a function, or null for none");
    }
    this.#parts.frames.configure(given as SteeringRule | null);
    return null;
  }

  /** Each shard has a file of its own: that of shard 0 is as asked, the others' have its number. */
  async #beginCapture(request: Request): Promise<{ readonly id: number }> {
    const { place, configurator, ask } = this.#parts;
    const { id } = configurator.control(request) as { readonly id: number };
    const ids = [id];
    this.#captures.set(id, ids);
    try {
      for (let shard = 1; shard < place.count; shard++) {
        const begun = await ask(shard, { ...request, path: `${request.path}.${shard}` });
        ids.push((begun as { readonly id: number }).id);
      }
    } catch (error) {
      await this.#endCapture({ command: "endCapture", id });
      throw error;
    }
    return { id };
  }

  async #endCapture(request: Request): Promise<unknown> {
    const { configurator, ask } = this.#parts;
    const [own, ...others] = this.#captures.get(request.id as number) ?? [request.id];
    this.#captures.delete(request.id as number);
    const asked = others.map((id, index) => ask(index + 1, { ...request, id }));
    return [configurator.control({ ...request, id: own }), ...await Promise.all(asked)].reduce(sum);
  }

  #mergeStatistics(shards: readonly unknown[]): unknown {
    const all = shards as readonly Readonly<Record<string, unknown>>[];
    const { ports } = all[0];
    const merged = all.map((one) => ({ ...one, ports: {} })).reduce(sum);
    return { ...merged, ports, steering: this.#parts.frames.statistics(), shards };
  }
}

function mergeInfo(shards: readonly StackInfo[]): StackInfo {
  const packets = shards.map((shard) => shard.packets).reduce(sum);
  return { ...shards[0], packets, shards: shards.map((shard) => ({ packets: shard.packets })) };
}

/** Adds up what are numbers, by name and as deep as they are; of all else, the first one's. */
function sum<Tree>(one: Tree, other: Tree): Tree {
  if (typeof one === "number" && typeof other === "number") return one + other as Tree;
  if (typeof one !== "object" || one === null) return one;
  const added = { ...one } as Record<string, unknown>;
  for (const [name, value] of Object.entries(other as object)) {
    added[name] = Object.hasOwn(added, name) ? sum(added[name], value) : value;
  }
  return added as Tree;
}
