/**
 * Starts an io_uring, from the best set of flags to the plainest that is still worth having, and
 * finds out what this kernel can do. Capability is probed, never sniffed from a version.
 *
 * @module
 */

import {
  addressOf,
  aliasOf,
  type Libc,
  orErrno,
  SYS_IO_URING_REGISTER,
  SYS_IO_URING_SETUP,
} from "./libc.ts";
import type { FeatureMask } from "../options.ts";
import type { MappedRegion } from "../../ring/descriptor_table.ts";
import { bufferGroups } from "../../ring/buffers.ts";
import type { RingGeometry } from "../../ring/geometry.ts";
import type { RingMemory } from "../../ring/memory.ts";
import { Errno, errnoName } from "../../ring/abi/errno.ts";
import {
  CQE,
  CQRING_OFFSETS,
  SQE,
  SQRING_OFFSETS,
  URING_BUF_REG,
  URING_PARAMS,
  URING_PROBE,
  URING_PROBE_OP,
} from "../../ring/abi/layout.ts";
import { DriverOp, FeatureFlag, Op, RegisterOp, SetupFlag } from "../../ring/abi/opcodes.ts";

const PROBE_OPERATIONS = 128;
const OPERATION_SUPPORTED = 1;
const OFFSET_SQES = 0x10000000n;
const PROT_READ_WRITE = 3;
const MAP_SHARED_POPULATE = 0x8001;
const HIGH = 4294967296;

const BASE = SetupFlag.CQSIZE | SetupFlag.CLAMP;
const SUBMIT = BASE | SetupFlag.SUBMIT_ALL;
const DEFER = SUBMIT | SetupFlag.SINGLE_ISSUER | SetupFlag.DEFER_TASKRUN | SetupFlag.TASKRUN_FLAG;
const COOP = SUBMIT | SetupFlag.COOP_TASKRUN | SetupFlag.TASKRUN_FLAG;

/** From best to plainest. NO_MMAP is Linux 6.5, NO_SQARRAY 6.6, DEFER_TASKRUN 6.1, COOP 5.19. */
export const BEST_ATTEMPTS: readonly number[] = [
  DEFER | SetupFlag.NO_MMAP | SetupFlag.NO_SQARRAY,
  DEFER | SetupFlag.NO_MMAP,
  COOP | SetupFlag.NO_MMAP,
  DEFER,
  COOP,
  BASE,
];

/** A ring whose completions run as ordinary task work, wherever its thread is. */
export const PLAIN_ATTEMPTS: readonly number[] = [BASE | SetupFlag.NO_MMAP, BASE];

/** A started ring. */
export interface KernelRing {
  readonly fd: number;
  readonly flags: number;
  readonly features: number;
  readonly geometry: RingGeometry;
  /** What the kernel mapped: its rings and its entries; nothing where they are in ring memory. */
  readonly mapped: readonly MappedRegion[];
  /** Unmaps what the kernel mapped; after the descriptor is closed. */
  unmap(): void;
}

/** Writes a 64-bit number. */
function setLong(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % HIGH, true);
  view.setUint32(offset + 4, Math.floor(value / HIGH), true);
}

function allowed(flags: number, without: FeatureMask): boolean {
  if (without.noMmap === true && (flags & SetupFlag.NO_MMAP) !== 0) return false;
  return without.deferTaskrun !== true || (flags & SetupFlag.DEFER_TASKRUN) === 0;
}

/** Says in a plain sentence why `io_uring_setup` failed. */
export function explainSetup(errno: number): string {
  const name = `io_uring_setup: ${errnoName(errno)}`;
  switch (errno) {
    case Errno.EPERM:
      return `${name}: blocked by seccomp or kernel.io_uring_disabled`;
    case Errno.ENOSYS:
      return `${name}: this kernel has no io_uring`;
    case Errno.ENOMEM:
      return `${name}: the rings do not fit into the locked memory this user may have`;
    case Errno.EMFILE:
    case Errno.ENFILE:
      return `${name}: no file descriptor is left for the ring`;
    default:
      return `${name}: this kernel knows none of the ring's setup flags`;
  }
}

/**
 * Starts a ring in `memory`, or in memory of the kernel's where it cannot do that.
 *
 * @returns the ring, or the errno of the last attempt, negative
 */
export function startRing(
  libc: Libc,
  memory: RingMemory,
  attempts: readonly number[],
  without: FeatureMask,
): KernelRing | number {
  let failure: number = -Errno.EINVAL;
  for (const flags of attempts) {
    if (!allowed(flags, without)) continue;
    const params = new DataView(new ArrayBuffer(URING_PARAMS.SIZE));
    params.setUint32(URING_PARAMS.CQ_ENTRIES, memory.plan.completions, true);
    params.setUint32(URING_PARAMS.FLAGS, flags, true);
    if ((flags & SetupFlag.NO_MMAP) !== 0) {
      const { SQ_OFFSETS, CQ_OFFSETS } = URING_PARAMS;
      setLong(params, SQ_OFFSETS + SQRING_OFFSETS.USER_ADDRESS, memory.base + memory.at.sqes);
      setLong(params, CQ_OFFSETS + CQRING_OFFSETS.USER_ADDRESS, memory.base + memory.at.rings);
    }
    const fd = orErrno(libc.setup(SYS_IO_URING_SETUP, memory.plan.entries, bytesOf(params)));
    if (fd >= 0) {
      try {
        return mapRing(libc, fd, flags, params, memory);
      } catch (error) {
        libc.close(fd);
        throw error;
      }
    }
    failure = fd;
    if (failure === -Errno.EPERM || failure === -Errno.ENOSYS || failure === -Errno.EMFILE) break;
  }
  return failure;
}

function bytesOf(view: DataView<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(view.buffer);
}

function mapRing(
  libc: Libc,
  fd: number,
  flags: number,
  params: DataView<ArrayBuffer>,
  memory: RingMemory,
): KernelRing {
  const features = params.getUint32(URING_PARAMS.FEATURES, true);
  if ((flags & SetupFlag.NO_MMAP) !== 0) {
    const geometry = geometryOf(
      params,
      memory.words,
      memory.at.rings,
      memory.words,
      memory.at.sqes,
    );
    if ((flags & SetupFlag.NO_SQARRAY) === 0) fillArray(params, geometry.words, memory.at.rings);
    return { fd, flags, features, geometry, mapped: [], unmap() {} };
  }
  const cqEntries = params.getUint32(URING_PARAMS.CQ_ENTRIES, true);
  const sqEntries = params.getUint32(URING_PARAMS.SQ_ENTRIES, true);
  const ringBytes = Math.max(
    params.getUint32(URING_PARAMS.SQ_OFFSETS + SQRING_OFFSETS.ARRAY, true) + sqEntries * 4,
    params.getUint32(URING_PARAMS.CQ_OFFSETS + CQRING_OFFSETS.CQES, true) + cqEntries * CQE.SIZE,
  );
  const sqeBytes = sqEntries * SQE.SIZE;
  const map = (bytes: number, offset: bigint): NonNullable<Deno.PointerValue> => {
    const at = libc.mmap(
      null,
      BigInt(bytes),
      PROT_READ_WRITE,
      MAP_SHARED_POPULATE,
      fd,
      offset,
    );
    if (at === null || Deno.UnsafePointer.value(at) >= 0xfffffffffffff000n) {
      throw new Error(`the ring of ${bytes} bytes cannot be mapped`);
    }
    return at;
  };
  const rings = map(ringBytes, 0n);
  const sqes = map(sqeBytes, OFFSET_SQES);
  const words = new Int32Array(aliasOf(rings, ringBytes & ~3));
  const sqeWords = new Int32Array(aliasOf(sqes, sqeBytes));
  const geometry = geometryOf(params, words, 0, sqeWords, 0);
  fillArray(params, words, 0);
  return {
    fd,
    flags,
    features,
    geometry,
    mapped: [regionOf(rings, ringBytes), regionOf(sqes, sqeBytes)],
    unmap() {
      // Views that are left find nothing there any more, instead of memory that is gone.
      words.buffer.transfer(0);
      sqeWords.buffer.transfer(0);
      libc.munmap(rings, BigInt(ringBytes));
      libc.munmap(sqes, BigInt(sqeBytes));
    },
  };
}

function regionOf(pointer: NonNullable<Deno.PointerValue>, bytes: number): MappedRegion {
  return { address: Number(Deno.UnsafePointer.value(pointer)), bytes };
}

/** The submission array of old: entry i is entry i, for ever. */
function fillArray(params: DataView, words: Int32Array<ArrayBufferLike>, start: number): void {
  const array = params.getUint32(URING_PARAMS.SQ_OFFSETS + SQRING_OFFSETS.ARRAY, true);
  const entries = params.getUint32(URING_PARAMS.SQ_ENTRIES, true);
  const first = (start + array) >> 2;
  for (let index = 0; index < entries; index++) words[first + index] = index;
}

function geometryOf(
  params: DataView,
  words: Int32Array<ArrayBufferLike>,
  ringStart: number,
  sqeWords: Int32Array<ArrayBufferLike>,
  sqeStart: number,
): RingGeometry {
  const sq = (field: number) =>
    (ringStart + params.getUint32(URING_PARAMS.SQ_OFFSETS + field, true)) >> 2;
  const cq = (field: number) =>
    (ringStart + params.getUint32(URING_PARAMS.CQ_OFFSETS + field, true)) >> 2;
  return {
    words,
    sqeWords,
    sqHead: sq(SQRING_OFFSETS.HEAD),
    sqTail: sq(SQRING_OFFSETS.TAIL),
    sqFlags: sq(SQRING_OFFSETS.FLAGS),
    sqEntries: params.getUint32(URING_PARAMS.SQ_ENTRIES, true),
    sqes: sqeStart >> 2,
    cqHead: cq(CQRING_OFFSETS.HEAD),
    cqTail: cq(CQRING_OFFSETS.TAIL),
    cqFlags: cq(CQRING_OFFSETS.FLAGS),
    cqOverflow: cq(CQRING_OFFSETS.OVERFLOW),
    cqEntries: params.getUint32(URING_PARAMS.CQ_ENTRIES, true),
    cqes: cq(CQRING_OFFSETS.CQES),
  };
}

/**
 * Asks the kernel which opcodes it has (`IORING_REGISTER_PROBE`); driver operations are libc's.
 *
 * @returns 1 per known opcode
 */
export function probeOpcodes(libc: Libc, fd: number, without: FeatureMask): Uint8Array {
  const supported = new Uint8Array(256);
  for (const opcode of Object.values(DriverOp)) supported[opcode] = 1;
  const bytes = new Uint8Array(URING_PROBE.SIZE + PROBE_OPERATIONS * URING_PROBE_OP.SIZE);
  const result = orErrno(
    libc.register(SYS_IO_URING_REGISTER, fd, RegisterOp.PROBE, bytes, PROBE_OPERATIONS),
  );
  if (result < 0) return supported;
  const known = bytes[URING_PROBE.OPERATIONS];
  for (let index = 0; index < known; index++) {
    const at = URING_PROBE.SIZE + index * URING_PROBE_OP.SIZE;
    const flags = bytes[at + URING_PROBE_OP.FLAGS];
    supported[bytes[at + URING_PROBE_OP.OPCODE]] = flags & OPERATION_SUPPORTED;
  }
  for (const opcode of without.opcodes ?? []) supported[opcode] = 0;
  return supported;
}

/** Whether the ring is at least what Linux 6.1 has; what came with it is the proof. */
export function isRecentEnough(features: number, supported: Uint8Array): boolean {
  return (features & FeatureFlag.NODROP) !== 0 && supported[Op.SENDMSG_ZC] === 1;
}

/** Registers the provided-buffer rings of `memory`. @returns 0 or `-errno` */
export function registerBufferRings(libc: Libc, fd: number, memory: RingMemory): number {
  for (const group of bufferGroups(memory)) {
    if (group.count === 0) continue;
    const registration = new DataView(new ArrayBuffer(URING_BUF_REG.SIZE));
    setLong(registration, URING_BUF_REG.RING_ADDRESS, memory.base + group.descriptors);
    registration.setUint32(URING_BUF_REG.RING_ENTRIES, group.count, true);
    registration.setUint16(URING_BUF_REG.GROUP, group.id, true);
    const result = orErrno(
      libc.register(SYS_IO_URING_REGISTER, fd, RegisterOp.PBUF_RING, bytesOf(registration), 1),
    );
    if (result < 0) return result;
  }
  return 0;
}

/** The address of a shared buffer, for {@linkcode RingMemory.create}. */
export function locate(buffer: SharedArrayBuffer): number {
  return addressOf(buffer);
}
