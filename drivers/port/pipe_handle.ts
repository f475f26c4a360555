/**
 * The two ends of a pipe, before anybody uses them: what is handed to other threads.
 *
 * @module
 */

/** Bytes of a direction's words: four, each in a cache line of its own. */
export const PIPE_HEADER_BYTES = 256;
const PAGE_BYTES = 65536;
/** The shortest queue has room for the longest frame, whatever is in front of it. */
const LEAST_CAPACITY: number = 4 * PAGE_BYTES;
const MOST_CAPACITY = 2 ** 28;
const DEFAULT_CAPACITY: number = 4 << 20;
const DEFAULT_MTU = 1500;
const LEAST_MTU = 68;
const MOST_MTU = 65535;

/** How a pipe is made. */
export interface PipeOptions {
  /** The longest packet of IP, in bytes; 1500. */
  readonly mtu?: number;
  /** Whether frames of up to 64 KB pass whole, to be taken apart by nobody; false. */
  readonly offload?: boolean;
  /** Bytes of frames on their way in each direction, a power of two; 4 MiB. */
  readonly capacityBytes?: number;
  /** What it carries: frames of Ethernet, or packets of IP; "ethernet". */
  readonly carries?: "ethernet" | "ip";
}

/** One end of a pipe; it can be posted to another thread. */
export interface PipeHandle {
  /** What it is the end of. */
  readonly kind: "pipe";
  /** Where frames lie. */
  readonly memory: WebAssembly.Memory;
  /** Which of the two ends it is. */
  readonly side: 0 | 1;
  /** Bytes of frames on their way in each direction. */
  readonly capacityBytes: number;
  /** The longest packet of IP, in bytes. */
  readonly mtu: number;
  /** Whether frames of up to 64 KB pass whole. */
  readonly offload: boolean;
  /** What it carries. */
  readonly carries: "ethernet" | "ip";
}

/**
 * Makes a link between two stacks.
 *
 * @returns its two ends, each for one stack in any thread
 * @throws {RangeError} when a size is out of its range, naming it
 */
export function createPipe(options: PipeOptions = {}): [PipeHandle, PipeHandle] {
  const { mtu = DEFAULT_MTU, offload = false, carries = "ethernet" } = options;
  const capacityBytes = options.capacityBytes ?? DEFAULT_CAPACITY;
  requireInteger("mtu", mtu, LEAST_MTU, MOST_MTU);
  requireInteger("capacityBytes", capacityBytes, LEAST_CAPACITY, MOST_CAPACITY);
  // Places in a queue wrap around at 2^32, which such a capacity divides.
  if ((capacityBytes & (capacityBytes - 1)) !== 0) {
    throw new RangeError(`capacityBytes must be a power of two, not ${capacityBytes}`);
  }
  const pages = Math.ceil(2 * (PIPE_HEADER_BYTES + capacityBytes) / PAGE_BYTES);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const common = { kind: "pipe", memory, capacityBytes, mtu, offload, carries } as const;
  return [{ ...common, side: 0 }, { ...common, side: 1 }];
}

function requireInteger(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} must be an integer from ${least} to ${most}, not ${value}`);
  }
}
