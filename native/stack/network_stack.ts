/**
 * A TCP/IP stack of this library's own, and its control: interfaces, routes, statistics, events.
 *
 * @module
 */

import { NetworkCapability } from "../capability.ts";
import { unsupported } from "../errors.ts";
import { checkKeys } from "../options/options.ts";
import { planOf, type RingOptions } from "../ring_options.ts";
import {
  attachStack,
  type CustomProtocolHandler,
  type InterfaceInfo,
  type RunningStack,
  type StackCaptureOptions,
  type StackCaptureReport,
  type StackHandle,
  type StackInfo,
  type StackInterfaceOptions,
  type StackOptions,
  startStack,
  type SteeringRule,
} from "../../drivers/mod.ts";
import type { NetworkRights } from "../../ring/authority/mod.ts";
import { ControlRing } from "./control_ring.ts";
import { NetworkInterface } from "./network_interface.ts";
import { RoutingTable } from "./routing_table.ts";
import type { StackEventIterator, StackStatistics } from "./stack_types.ts";

/** What {@linkcode NetworkStack.capability} takes. */
export interface StackCapabilityOptions {
  /** What may be done; without it all but `raw`, `ring`, `adopt` and `files`. */
  readonly rights?: NetworkRights;
  /** Sizes of its ring. */
  readonly ring?: RingOptions;
  /** Which shard serves it, of a stack of several; one after the other. */
  readonly shard?: number;
}

/**
 * A stack that runs, in a Worker of its own unless `worker` is false; with `shards`, several of them
 * that share their flows. Programs use it through capabilities, each with a ring of its own; whoever
 * holds this object can change the stack.
 *
 * Permissions: `--allow-read` of this library's files for the Worker; none with `worker: false`.
 *
 * @example
 * ```ts
 * import { createPipe, NetworkStack } from "../../mod.ts";
 * const [left, right] = createPipe();
 * await using one = await NetworkStack.start({ ports: [{ port: left }], worker: false });
 * await using two = await NetworkStack.start({ ports: [{ port: right }], worker: false });
 * await (await one.getInterface("eth0")).setIpAddress("192.168.1.10/24");
 * await (await two.getInterface("eth0")).setIpAddress("192.168.1.20/24");
 * await using server = two.capability();
 * await using client = one.capability();
 * await using endpoint = await server.listen("192.168.1.20:80");
 * const accepting = endpoint.accept();
 * await using stream = await client.connect("192.168.1.20:80");
 * await using accepted = await accepting;
 * await stream.send(new TextEncoder().encode("hello"));
 * using lease = (await accepted.receive())!;
 * console.log(lease.length); // 5
 * ```
 */
export class NetworkStack implements AsyncDisposable {
  /** The stack's routes. */
  readonly routes: RoutingTable;
  readonly #running: RunningStack;
  readonly #control: ControlRing;
  readonly #capabilities = new Set<NetworkCapability>();
  readonly #ownsStack: boolean;
  #nextShard = 0;
  #stopping: Promise<void> | null = null;

  private constructor(running: RunningStack, ownsStack: boolean) {
    this.#running = running;
    this.#ownsStack = ownsStack;
    this.#control = new ControlRing(running);
    this.routes = new RoutingTable(this.#control);
  }

  /**
   * Starts a stack.
   *
   * @param options its interfaces, routes, names and sizes; without any it has loopback only
   * @throws {NetError} ENOTSUP when it cannot start, with the reason as a sentence
   * @throws {TypeError} when an option is wrong, naming it
   */
  static async start(options: StackOptions = {}): Promise<NetworkStack> {
    const running = await startStack(options);
    if ("refusal" in running) throw unsupported("stack", `a start: ${running.refusal}`, "start");
    return new NetworkStack(running, true);
  }

  /**
   * Uses a stack that another thread has started.
   *
   * @param handle of {@linkcode NetworkStack.handle}, of which each serves one thread
   */
  static async attach(handle: StackHandle): Promise<NetworkStack> {
    return new NetworkStack(await attachStack(handle), false);
  }

  /**
   * What to post to another thread, for {@linkcode NetworkStack.attach}; its `port`, and those of
   * its `shards` where it has several, go into the list of what is transferred.
   *
   * @throws {Error} where the stack runs in this isolate
   */
  handle(): Promise<StackHandle> {
    return this.#running.handle();
  }

  /**
   * Opens a ring on the stack, and grants rights to it.
   *
   * @throws {TypeError} when a key or a rule is malformed, naming it
   * @throws {RangeError} when a size is out of its range, naming it, or there is no such shard
   */
  capability(options: StackCapabilityOptions = {}): NetworkCapability {
    checkKeys("capability", options, ["rights", "ring", "shard"]);
    if (this.#stopping !== null) throw unsupported("stack", "use after stop()", "capability");
    const { plan, without, poison } = planOf(options.ring ?? {});
    const shard = this.#shardOf(options.shard);
    const driver = this.#running.openRing(plan, without, "", undefined, undefined, shard);
    const capability = NetworkCapability.over(driver, options.rights, poison);
    this.#capabilities.add(capability);
    return capability;
  }

  /**
   * Adds an interface, which is up at once.
   *
   * @throws {NetError} EINVAL naming what is wrong
   */
  async addInterface(options: StackInterfaceOptions): Promise<NetworkInterface> {
    const { name } = await this.#control.hand<InterfaceInfo>("addInterface", options);
    return new NetworkInterface(this.#control, name);
  }

  /**
   * Finds an interface.
   *
   * @param name such as `"eth0"`
   * @throws {NetError} ENODEV when there is none of that name
   */
  async getInterface(name: string): Promise<NetworkInterface> {
    const found = new NetworkInterface(this.#control, name);
    await found.info();
    return found;
  }

  /** All interfaces, loopback among them. */
  async interfaces(): Promise<readonly NetworkInterface[]> {
    const { interfaces } = await this.info();
    return interfaces.map(({ name }) => new NetworkInterface(this.#control, name));
  }

  /** What the stack is, and what it has now. */
  info(): Promise<StackInfo> {
    return this.#control.ask<StackInfo>("info");
  }

  /** What it did, and every packet that it dropped, by protocol and reason. */
  statistics(): Promise<StackStatistics> {
    return this.#control.ask<StackStatistics>("statistics");
  }

  /**
   * Tells of what happens from now on: links, addresses, neighbours, routers, routes.
   *
   * @param events names of those to be told of, such as `"address-added"`; all without it
   * @returns them one by one; breaking out of the iteration ends it
   */
  subscribe(events?: readonly string[]): StackEventIterator {
    return this.#control.subscribe(events);
  }

  /**
   * Captures frames from now on, as pcapng. Permission: `--allow-write` for the path.
   *
   * @param path of a file, which is made or overwritten; or of a named pipe, such as Wireshark reads:
   * then the capture begins once there is a reader. What shards 1, 2 ... send and receive goes to
   * files with their numbers behind that name: `capture.pcapng.1`
   * @param options which interfaces, which frames, and how much of each
   * @returns what ends it when it is disposed of
   * @throws {NetError} EINVAL naming what is wrong
   */
  async capture(
    path: string,
    options: Omit<StackCaptureOptions, "path"> = {},
  ): Promise<AsyncDisposable> {
    const { id } = await this.#control.ask<{ id: number }>("beginCapture", { ...options, path });
    let ending: Promise<unknown> | null = null;
    return {
      [Symbol.asyncDispose]: async () => {
        ending ??= this.#control.ask<StackCaptureReport>("endCapture", { id });
        await ending;
      },
    };
  }

  /**
   * Sets what decides which shard a packet is for, in place of what was set before; where it says
   * `"default"`, and without it, the hash of the packet's flow does. It must say the same of all
   * packets of a flow. Permissions: for a module, those to import it.
   *
   * @param rule a function where the stack runs in this isolate; where it runs in Workers the URL of
   * a module whose default export is one; null for none
   * @throws {TypeError} when it is a function and the stack runs in Workers
   * @throws {NetError} ENOTSUP where there is one shard, EINVAL naming what is wrong with a module
   *
   * @example
   * ```ts
   * import { NetworkStack } from "../../mod.ts";
   * await using stack = await NetworkStack.start({ shards: 2, worker: false });
   * await stack.configureFlowDirector((packet) =>
   *   packet.destinationPort === 53 ? { steerTo: 1 } : "default"
   * );
   * ```
   */
  async configureFlowDirector(rule: SteeringRule | URL | null): Promise<void> {
    if (this.#running.shards === 1) {
      throw unsupported("stack", "a flow director with one shard", "configureFlowDirector");
    }
    await this.#control.hand("steer", this.#codeOf("rule", rule));
  }

  /**
   * Has a program decide about packets of IP with a protocol number of its own, on every shard.
   * Permissions: for a module, those to import it.
   *
   * @param number 0 to 255, and neither IP's own nor taken
   * @param handler what decides, where the stack runs in this isolate; where it runs in Workers the
   * URL of a module whose default export does
   * @throws {TypeError} when it is an object and the stack runs in Workers
   * @throws {NetError} EINVAL naming what is wrong
   *
   * @example
   * ```ts
   * import { NetworkStack } from "../../mod.ts";
   * await using stack = await NetworkStack.start({ worker: false });
   * await stack.registerTransportProtocol(253, {
   *   processPacket: (packet) => ({ reply: packet.copy() }),
   * });
   * ```
   */
  async registerTransportProtocol(
    number: number,
    handler: CustomProtocolHandler | URL,
  ): Promise<void> {
    await this.#control.hand("registerProtocol", { number, ...this.#codeOf("handler", handler) });
  }

  /** Closes every capability of this object, and ends the stack where it was started by it. */
  stop(): Promise<void> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  /** {@linkcode NetworkStack.stop}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #shardOf(asked: number | undefined): number {
    const { shards } = this.#running;
    if (asked === undefined) return this.#nextShard++ % shards;
    if (Number.isInteger(asked) && asked >= 0 && asked < shards) return asked;
    throw new RangeError(`capability: shard must be 0 to ${shards - 1}, not ${asked}`);
  }

  /** Code of the program's, as a stack can be handed it. */
  #codeOf(name: string, code: unknown): object {
    if (code instanceof URL) return { module: code.href };
    if (code === null || this.#running.isHere) return { [name]: code };
    throw new TypeError(
      `the stack runs in Workers, which cannot be handed a ${name}: give the URL of a module ` +
        "whose default export it is",
    );
  }

  async #end(): Promise<void> {
    const open = [...this.#capabilities];
    await Promise.all(open.map((capability) => capability[Symbol.asyncDispose]()));
    await this.#control.close();
    if (this.#ownsStack) await this.#running.close();
  }
}
