/**
 * Makes a stack as its options say, and what runs it.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import type { IpAddress } from "../../stack/ip/types.ts";
import type { SizeChoices } from "../../stack/profiles.ts";
import { BatchedRandom, type RandomSource } from "../../stack/random.ts";
import { Stack, type StackParts } from "../../stack/stack.ts";
import type { StackClock } from "./clock.ts";
import { Configurator } from "./configurator.ts";
import { Directory } from "./directory.ts";
import { checkStackOptions, type StackOptions } from "./options.ts";
import type { Lookup, PendingLookup, StackService } from "./service.ts";
import { type HostPeers, StackHost } from "./stack_host.ts";

/** How long a stack that is to end waits for peers to take what was sent to them. */
const LAST_BYTES_MS = 500;
const POLL_MS = 2;

/** A stack that runs. */
export interface OpenedStack {
  readonly stack: Stack;
  readonly host: StackHost;
  readonly configurator: Configurator;
  /** Closes every ring and port. */
  close(): Promise<void>;
}

/** What a stack is given beside its options: in a simulation, all of it is the simulation's. */
export interface StackSurroundings {
  readonly clock: StackClock;
  /** Unpredictable where nothing is said. */
  readonly random?: RandomSource;
  /** Called instead of running it when something has come. */
  readonly onWake?: () => void;
  /** Microseconds of a tick of its timers. */
  readonly resolution?: number;
  /** How often an address of IPv6 is asked for before it is used; 1. RFC 4862 section 5.1. */
  readonly detectionTransmits?: number;
  /** What makes it one of several shards. */
  readonly shard?: StackShard;
}

/** What a stack that is one of several shards is given. */
export interface StackShard {
  /** What its stack is given beside the options. */
  readonly parts: Partial<StackParts>;
  /** The other shards. */
  readonly peers: HostPeers;
  /** Answers requests of the control API, for all shards. */
  readonly control: (request: unknown) => unknown;
}

/**
 * Opens a stack.
 *
 * @throws {TypeError} when options are wrong, naming what
 * @throws {Error} when something of it cannot be had
 */
export function openStackIn(options: StackOptions, surroundings: StackSurroundings): OpenedStack {
  checkStackOptions(options);
  const { clock, shard } = surroundings;
  if (shard === undefined && (options.shards ?? 1) > 1) {
    throw new TypeError("stack.shards must be 1 here: NetworkStack.start runs several");
  }
  const hostname = options.hostname ?? "";
  let configurator: Configurator | null = null;
  const stack = new Stack({
    random: surroundings.random ??
      new BatchedRandom((words) => void crypto.getRandomValues(words)),
    now: clock.now(),
    resolution: surroundings.resolution,
    detectionTransmits: surroundings.detectionTransmits,
    profile: options.profile,
    sizes: sizesOf(options),
    events: { onEvent: (event) => configurator?.onEvent(event) },
    ...shard?.parts,
  });
  configurator = new Configurator(stack, hostname);
  const own = configurator;
  const directory = new Directory(options.hosts ?? {}, hostname, () => own.ownAddresses());
  const host = new StackHost({
    core: stack,
    service: serviceOf(directory, own, shard?.control),
    clock,
    peers: shard?.peers,
    onWake: surroundings.onWake,
  });
  configurator.attach(host);
  const loopback = stack.links.addLoopback();
  if (typeof loopback === "number") throw new Error(`stack: no loopback: errno ${-loopback}`);
  for (const port of options.ports ?? []) configurator.addInterface(port);
  for (const route of options.routes ?? []) configurator.addRoute(route);
  const close = async () => {
    await host.close();
    own.close();
  };
  return { stack, host, configurator, close };
}

/** Opens a stack on a clock: see {@linkcode openStackIn}. */
export function openStack(
  options: StackOptions,
  clock: StackClock,
  onWake?: () => void,
  random?: RandomSource,
): OpenedStack {
  return openStackIn(options, { clock, onWake, random });
}

/**
 * Closes a stack on the system's time once its last bytes are out, or have waited for too long.
 */
export async function closeStack(opened: OpenedStack): Promise<void> {
  await opened.host.closeRings();
  await lastBytes(opened);
  await opened.close();
}

/** Waits until peers have taken what was sent to them, but not for ever. */
export async function lastBytes({ stack, host }: OpenedStack): Promise<void> {
  const end = performance.now() + LAST_BYTES_MS;
  // On loopback both ends are gone by now.
  while (host.hasPorts && stack.tcp.connections > 0 && performance.now() < end) {
    await new Promise<void>((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function sizesOf({ sizes: chosen, congestionControl }: StackOptions): SizeChoices | undefined {
  // Their names were checked.
  const sizes = chosen as SizeChoices | undefined;
  if (congestionControl === undefined) return sizes;
  return { ...sizes, tcp: { ...sizes?.tcp, congestionControl } };
}

function serviceOf(
  directory: Directory,
  configurator: Configurator,
  control: (request: unknown) => unknown = (request) => configurator.control(request),
): StackService {
  return {
    resolve: (name, family, done) => {
      const wanted = (address: IpAddress) =>
        family === 0 || (typeof address === "number") === (family === 4);
      const found = directory.find(name)?.filter(wanted) ?? [];
      return answer(done, found.length > 0 ? found : { errno: Errno.ENOENT });
    },
    reverse: (address, done) => answer(done, directory.nameOf(address) ?? { errno: Errno.ENOENT }),
    canonical: (name) => name,
    interfaceIndex: (name) => configurator.interfaceIndex(name),
    control,
    subscribe: (listener) => configurator.subscribe(listener),
  };
}

/** Answers later, as a lookup that asks others would. */
function answer<Found>(done: (found: Lookup<Found>) => void, found: Lookup<Found>): PendingLookup {
  let isEnded = false;
  queueMicrotask(() => {
    if (!isEnded) done(found);
  });
  return { cancel: () => void (isEnded = true) };
}
