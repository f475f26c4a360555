/**
 * What a link is like: how it is written down, and what is made of that.
 *
 * @module
 */

/** Loss in bursts: the model of Gilbert (1960) and Elliott (1963), decided frame by frame. */
export interface BurstLoss {
  /** The probability that the link turns bad, before each frame while it is good. */
  readonly enter: number;
  /** The probability that it turns good again, before each frame while it is bad. */
  readonly leave: number;
  /** The probability that a frame is lost while the link is good; 0. */
  readonly lossGood?: number;
  /** The probability that a frame is lost while the link is bad; 1. */
  readonly lossBad?: number;
}

/** Which frames a queue drops, or marks. */
export interface QueueOptions {
  /** Frames that may wait, the one that is being sent among them; 1000. */
  readonly packets?: number;
  /** Bytes that may wait; without a limit. */
  readonly bytes?: number;
  /** "tail" drops what finds no room, "red" and "codel" drop before that. */
  readonly discipline?: "tail" | "red" | "codel";
  /** Whether "red" and "codel" mark what knows ECN, instead of dropping it. RFC 3168. */
  readonly ecn?: boolean;
  /** RED: the average length in packets from which on it drops some; 5. */
  readonly minimum?: number;
  /** RED: the average length in packets from which on it drops many; 3 times the minimum. */
  readonly maximum?: number;
  /** RED: the probability of a drop just below the maximum; 0.1. */
  readonly probability?: number;
  /** RED: the weight of the newest length in the average; 0.002. */
  readonly weight?: number;
  /** CoDel: how long a frame may wait, in milliseconds; 5. */
  readonly targetMs?: number;
  /** CoDel: for how long all may wait longer before it drops, in milliseconds; 100. */
  readonly intervalMs?: number;
}

/** One direction of a link. Without any option it is a perfect wire: no delay, no loss, no limit. */
export interface DirectionOptions {
  /** Bits a second, or text such as `"10Mbit/s"`; without a limit. */
  readonly bandwidth?: number | string;
  /** Milliseconds on the wire, behind the queue; 0. */
  readonly delayMs?: number;
  /** The delay varies evenly by so many milliseconds, up and down; at most the delay; 0. */
  readonly jitterMs?: number;
  /** Whether a frame with less jitter overtakes one with more; else all stay in order. */
  readonly jitterReorders?: boolean;
  /** The probability that a frame is lost, or a model of bursts; 0. */
  readonly loss?: number | BurstLoss;
  /** The probability that a frame is held back; 0. */
  readonly reorder?: number;
  /** For how long it is held back, in milliseconds; 1. */
  readonly reorderMs?: number;
  /** The probability that a frame arrives twice; 0. */
  readonly duplicate?: number;
  /** The probability that one bit of a frame changes; 0. */
  readonly corrupt?: number;
  /** Bytes of the longest packet in a frame, the headers of the frame not counted; 1500. */
  readonly mtu?: number;
  /** Bytes that a frame takes on the wire beside its own: 24 on Ethernet, if they are to count. */
  readonly overheadBytes?: number;
  /** What waits to be sent. */
  readonly queue?: QueueOptions;
}

/** A link: both directions alike, but for what is said about one of them. */
export interface LinkOptions extends DirectionOptions {
  /** What is different from the first node to the second one. */
  readonly there?: DirectionOptions;
  /** What is different from the second node to the first one. */
  readonly back?: DirectionOptions;
}

/** What a direction goes by: numbers, all of them checked. */
export interface DirectionParameters {
  /** 0 where there is no limit. */
  readonly microsecondsPerByte: number;
  /** Microseconds, as the next three. */
  readonly delay: number;
  readonly jitter: number;
  readonly jitterReorders: boolean;
  readonly loss: number;
  readonly burst: Required<BurstLoss> | null;
  readonly reorder: number;
  readonly reorderDelay: number;
  readonly duplicate: number;
  readonly corrupt: number;
  readonly mtu: number;
  readonly overheadBytes: number;
  readonly queue: QueueParameters;
}

/** What a queue goes by. */
export interface QueueParameters {
  readonly packets: number;
  readonly bytes: number;
  readonly discipline: "tail" | "red" | "codel";
  readonly ecn: boolean;
  readonly minimum: number;
  readonly maximum: number;
  readonly probability: number;
  readonly weight: number;
  /** Microseconds, as the next one. */
  readonly target: number;
  readonly interval: number;
}

/** The longest queue, in packets. */
const MAXIMUM_QUEUE_PACKETS = 1 << 20;
/** The longest packet of IP. */
const MAXIMUM_MTU = 65535;
/** RFC 791 section 3.2: every link carries this much. */
const MINIMUM_MTU = 68;
const DEFAULT_MTU = 1500;
const DEFAULT_QUEUE_PACKETS = 1000;
/** RFC 8289 sections 4.3 and 4.4. */
const CODEL_TARGET_MS = 5;
const CODEL_INTERVAL_MS = 100;
/** Floyd and Jacobson 1993, section 4, and Floyd's notes on parameters. */
const RED_MINIMUM = 5;
const RED_MAXIMUM_FACTOR = 3;
const RED_PROBABILITY = 0.1;
const RED_WEIGHT = 0.002;
const RED_WEIGHT_MINIMUM = 1e-6;
const BITS_AND_MICROSECONDS = 8e6;
const MILLISECOND = 1000;
/** A day: what is longer was meant in another unit. */
const MAXIMUM_DELAY_MS = 86_400_000;

const BANDWIDTH = /^(\d+(?:\.\d+)?)\s*([kmgt]?)bit\/s$/i;
const UNITS: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };

/**
 * Reads a bandwidth.
 *
 * @param bandwidth bits a second, or text such as `"10Mbit/s"`, `"2.5 Gbit/s"`
 * @returns bits a second
 * @throws {TypeError} when the text is no bandwidth
 * @throws {RangeError} when it is not more than 0
 */
export function bandwidthOf(bandwidth: number | string): number {
  let bits = bandwidth;
  if (typeof bits === "string") {
    const match = BANDWIDTH.exec(bits);
    if (match === null) {
      throw new TypeError(`a bandwidth is written like "10Mbit/s", not ${JSON.stringify(bits)}`);
    }
    bits = Number(match[1]) * UNITS[match[2].toLowerCase()];
  }
  if (!(bits > 0)) throw new RangeError(`a bandwidth is more than 0, not ${bandwidth}`);
  return bits;
}

/** What a direction goes by, from what is said about both and about this one. */
export function parametersOf(
  both: DirectionOptions,
  one: DirectionOptions = {},
): DirectionParameters {
  const options = { ...both, ...one, queue: { ...both.queue, ...one.queue } };
  const delayMs = within("delayMs", options.delayMs ?? 0, 0, MAXIMUM_DELAY_MS);
  const bits = options.bandwidth === undefined ? Infinity : bandwidthOf(options.bandwidth);
  const { loss = 0 } = options;
  return {
    microsecondsPerByte: bits === Infinity ? 0 : BITS_AND_MICROSECONDS / bits,
    delay: delayMs * MILLISECOND,
    jitter: within("jitterMs", options.jitterMs ?? 0, 0, delayMs) * MILLISECOND,
    jitterReorders: options.jitterReorders ?? false,
    loss: typeof loss === "number" ? probabilityOf("loss", loss) : 0,
    burst: typeof loss === "number" ? null : burstOf(loss),
    reorder: probabilityOf("reorder", options.reorder ?? 0),
    reorderDelay: within("reorderMs", options.reorderMs ?? 1, 0, MAXIMUM_DELAY_MS) * MILLISECOND,
    duplicate: probabilityOf("duplicate", options.duplicate ?? 0),
    corrupt: probabilityOf("corrupt", options.corrupt ?? 0),
    mtu: integer("mtu", options.mtu ?? DEFAULT_MTU, MINIMUM_MTU, MAXIMUM_MTU),
    overheadBytes: integer("overheadBytes", options.overheadBytes ?? 0, 0, MAXIMUM_MTU),
    queue: queueOf(options.queue),
  };
}

function queueOf(options: QueueOptions): QueueParameters {
  const discipline = options.discipline ?? "tail";
  if (!["tail", "red", "codel"].includes(discipline)) {
    throw new TypeError(`queue.discipline is tail, red or codel, not ${String(discipline)}`);
  }
  const minimum = within("queue.minimum", options.minimum ?? RED_MINIMUM, 0, MAXIMUM_QUEUE_PACKETS);
  const maximum = options.maximum ?? Math.max(1, RED_MAXIMUM_FACTOR * minimum);
  const targetMs = options.targetMs ?? CODEL_TARGET_MS;
  const intervalMs = options.intervalMs ?? CODEL_INTERVAL_MS;
  return {
    packets: integer(
      "queue.packets",
      options.packets ?? DEFAULT_QUEUE_PACKETS,
      1,
      MAXIMUM_QUEUE_PACKETS,
    ),
    bytes: within("queue.bytes", options.bytes ?? Infinity, 1, Infinity),
    discipline,
    ecn: options.ecn ?? false,
    minimum,
    maximum: within("queue.maximum", maximum, minimum, MAXIMUM_QUEUE_PACKETS),
    probability: probabilityOf("queue.probability", options.probability ?? RED_PROBABILITY),
    weight: within("queue.weight", options.weight ?? RED_WEIGHT, RED_WEIGHT_MINIMUM, 1),
    target: within("queue.targetMs", targetMs, 0, MAXIMUM_DELAY_MS) * MILLISECOND,
    interval: within("queue.intervalMs", intervalMs, 0, MAXIMUM_DELAY_MS) * MILLISECOND,
  };
}

function burstOf(loss: BurstLoss): Required<BurstLoss> {
  return {
    enter: probabilityOf("loss.enter", loss.enter),
    leave: probabilityOf("loss.leave", loss.leave),
    lossGood: probabilityOf("loss.lossGood", loss.lossGood ?? 0),
    lossBad: probabilityOf("loss.lossBad", loss.lossBad ?? 1),
  };
}

function probabilityOf(name: string, value: number): number {
  return within(name, value, 0, 1);
}

function within(name: string, value: number, least: number, most: number): number {
  if (!(value >= least && value <= most)) {
    throw new RangeError(`${name} is ${least} to ${most}, not ${value}`);
  }
  return value;
}

function integer(name: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value)) throw new RangeError(`${name} is an integer, not ${value}`);
  return within(name, value, least, most);
}
