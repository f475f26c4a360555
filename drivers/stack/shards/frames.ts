/**
 * The side of frames of the shards of a stack: whose a frame is, whose a port is, and how frames
 * get to a shard and from it.
 *
 * @module
 */

import { BatchedRandom, type RandomSource } from "../../../stack/random.ts";
import {
  FlowDirector,
  KEY_BYTES,
  MAXIMUM_SHARDS,
  type SteeringRule,
  ToeplitzHash,
} from "../../../stack/steering/mod.ts";
import { StackShard } from "../../../stack/steering/mod.ts";
import type { IpAddress } from "../../../stack/ip/types.ts";
import type { Stack, StackParts } from "../../../stack/stack.ts";
import { PipePort } from "../../port/pipe.ts";
import { createPipe, type PipeHandle } from "../../port/pipe_handle.ts";
import type { Port } from "../../port/port.ts";
import type { StackHost } from "../stack_host.ts";
import { FrameDirector } from "./frame_director.ts";
import { HandoverPort } from "./handover_port.ts";
import { PortTable, type ShardPortClaims } from "./port_table.ts";
import { createShardPipe, openShardPort } from "./shard_port.ts";
import { SteeringCounts } from "./steering_counts.ts";
import type {
  DirectedPort,
  ShardFrames,
  ShardPlace,
  ShardPorts,
  ShardSteering,
  SteeringStatistics,
} from "./types.ts";

/** RFC 7217 section 5: a secret has 128 bits; so has the key of a hash. */
const SECRET_BYTES = 16;
/** What is on its way between two shards of one host: enough for some of the longest datagrams. */
const HANDOVER_BYTES = 1 << 19;

/**
 * Makes what the shards of one set agree on.
 *
 * @param count how many there are
 * @param random where their secrets come from; unpredictable where nothing is said
 * @returns one for each, which can be posted to its thread
 * @throws {RangeError} when there cannot be that many
 */
export function createShardSteering(count: number, random?: RandomSource): ShardSteering[] {
  if (!(Number.isInteger(count) && count >= 1 && count <= MAXIMUM_SHARDS)) {
    throw new RangeError(`a stack has 1 to ${MAXIMUM_SHARDS} shards, not ${count}`);
  }
  const source = random ?? new BatchedRandom((words) => void crypto.getRandomValues(words));
  const hashKey = bytesOf(KEY_BYTES, source);
  const addressSecret = bytesOf(SECRET_BYTES, source);
  const fastOpenSecret = bytesOf(SECRET_BYTES, source);
  const portTable = PortTable.allocate();
  const ends = Array.from(
    { length: count - 1 },
    () => createPipe({ carries: "ip", capacityBytes: HANDOVER_BYTES }),
  );
  return Array.from({ length: count }, (_, index) => ({
    ...{ hashKey, addressSecret, fastOpenSecret, portTable },
    handovers: Array.from({ length: count }, (_, other) => {
      // Those of one shard and another lead by shard 0.
      if (index === other || index !== 0 && other !== 0) return null;
      return index === 0 ? ends[other - 1][0] : ends[index - 1][1];
    }),
  }));
}

function bytesOf(count: number, random: RandomSource): Uint8Array {
  return Uint8Array.from({ length: count }, () => random.uint32() >>> 24);
}

/** Opens the side of frames of one shard. */
export function openShardFrames(place: Omit<ShardPlace, "queues">): OpenShard {
  return new OpenShard(place);
}

/** The side of frames of one shard, while its stack runs. */
class OpenShard implements ShardFrames {
  readonly parts: Partial<StackParts>;
  readonly ports: ShardPorts;
  readonly #index: number;
  readonly #count: number;
  readonly #director: FlowDirector;
  readonly #handover: HandoverPort;
  readonly #counts: SteeringCounts;
  #stack: Stack | null = null;

  constructor({ index, count, steering }: Omit<ShardPlace, "queues">) {
    const { hashKey, addressSecret, fastOpenSecret, portTable, handovers } = steering;
    const table = new PortTable(portTable);
    const tcpPorts = table.claimsOf("tcp", index);
    const udpPorts = table.claimsOf("udp", index);
    this.#index = index;
    this.#count = count;
    this.#counts = new SteeringCounts(count);
    const hash = new ToeplitzHash(hashKey);
    this.#director = new FlowDirector({ shards: count, hash, ports: table });
    this.#handover = new HandoverPort({
      pipes: handovers.map((end) => end === null ? null : new PipePort(end)),
      onDuplicate: (interfaceIndex, address) => this.#concede(interfaceIndex, address),
      onGroup: (interfaceIndex, packet) => this.#stack?.ip.loopBack(interfaceIndex, packet),
    });
    const shard = new StackShard({
      ...{ index, director: this.#director, tcpPorts, udpPorts },
      addressSecret: wordsOf(addressSecret),
      fastOpenSecret: wordsOf(fastOpenSecret),
      echoIdentifiers: table.claimsOf("echo", index),
      rawProtocols: table.claimsOf("raw", index),
      handOver: (to, packet) => this.#handover.handOver(to, packet),
      share: (interfaceIndex, packet) => this.#handover.share(interfaceIndex, packet),
      onDuplicate: (interfaceIndex, address) => {
        if (index === 0) this.#handover.tellDuplicate(interfaceIndex, address);
      },
    });
    this.parts = { shard };
    this.ports = portsOf(tcpPorts, udpPorts);
  }

  /** {@inheritDoc ShardFrames.attach} */
  attach(stack: Stack, host: StackHost): void {
    this.#stack = stack;
    const { loopback } = stack.links;
    if (loopback === undefined) throw new Error("a shard has a loopback interface");
    host.addPort(loopback.index, this.#handover);
  }

  #concede(interfaceIndex: number, address: IpAddress): void {
    if (this.#index !== 0) this.#stack?.links.concede(interfaceIndex, address);
  }

  /** {@inheritDoc ShardFrames.direct} */
  direct(port: Port): DirectedPort {
    const ends: PipeHandle[] = [];
    const pipes: Port[] = [];
    for (let shard = 1; shard < this.#count; shard++) {
      const [near, far] = createShardPipe(port);
      pipes.push(new PipePort(near));
      ends.push(far);
    }
    const own = new FrameDirector({
      ...{ port, pipes, director: this.#director, counts: this.#counts },
    });
    return { own, ends };
  }

  /** {@inheritDoc ShardFrames.openEnd} */
  openEnd(end: PipeHandle): Port {
    return openShardPort(end);
  }

  /** {@inheritDoc ShardFrames.configure} */
  configure(rule: SteeringRule | null): void {
    this.#director.configure(rule);
  }

  /** {@inheritDoc ShardFrames.statistics} */
  statistics(): SteeringStatistics | null {
    if (this.#index !== 0) return null;
    const { directed, copied } = this.#counts;
    return { directed: [...directed], copied, ruleFailures: this.#director.ruleFailures };
  }
}

function portsOf(tcpPorts: ShardPortClaims, udpPorts: ShardPortClaims): ShardPorts {
  return {
    withoutClaims: (call) => tcpPorts.suspended(() => udpPorts.suspended(call)),
  };
}

function wordsOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length >> 2 }, (_, word) => view.getInt32(4 * word));
}
