/**
 * What a kernel ring can be given beside entries (`io_uring_register(2)`): buffers that it keeps
 * mapped, and a table of descriptors of its own.
 *
 * @module
 */

import type { Descriptors } from "./descriptors.ts";
import { type Libc, O_CLOEXEC, orErrno, SYS_IO_URING_REGISTER } from "./libc.ts";
import type { RingRegistrar } from "../../ring/driver.ts";
import type { RingMemory } from "../../ring/memory.ts";
import { Errno } from "../../ring/abi/errno.ts";
import {
  IOVEC,
  URING_FILE_RANGE,
  URING_FILES_UPDATE,
  URING_RSRC_REGISTER,
} from "../../ring/abi/layout.ts";
import { RegisterOp } from "../../ring/abi/opcodes.ts";

/** `IORING_RSRC_REGISTER_SPARSE`. */
const SPARSE = 1;
const HIGH = 4294967296;

/** Registers buffers and files with one kernel ring. */
export class Registrar implements RingRegistrar {
  readonly fd: number;
  readonly #descriptors: Descriptors;
  readonly #libc: Libc;
  readonly #memory: RingMemory;
  readonly #hasFiles: boolean;
  #files = 0;
  /** The end of a pipe whose other end the ring alone holds, -1 for none. */
  #reader = -1;

  /**
   * @param fd the ring's descriptor
   * @param hasFiles false to do without direct descriptors
   */
  constructor(descriptors: Descriptors, fd: number, memory: RingMemory, hasFiles: boolean) {
    this.#descriptors = descriptors;
    this.#libc = descriptors.libc;
    this.fd = fd;
    this.#memory = memory;
    this.#hasFiles = hasFiles;
  }

  /** {@inheritDoc RingRegistrar.registerBuffers} */
  registerBuffers(offset: number, count: number, bytes: number): number {
    const vectors = new DataView(new ArrayBuffer(count * IOVEC.SIZE));
    for (let index = 0; index < count; index++) {
      const at = index * IOVEC.SIZE;
      setLong(vectors, at + IOVEC.BASE, this.#memory.base + offset + index * bytes);
      setLong(vectors, at + IOVEC.LENGTH, bytes);
    }
    return this.#register(RegisterOp.BUFFERS, vectors, count);
  }

  /** {@inheritDoc RingRegistrar.unregisterBuffers} */
  unregisterBuffers(): number {
    return this.#register(RegisterOp.UNREGISTER_BUFFERS, null, 0);
  }

  /** {@inheritDoc RingRegistrar.registerFiles} */
  registerFiles(count: number): number {
    if (!this.#hasFiles) return -Errno.ENOTSUP;
    const isGuarded = this.#reader >= 0 && this.#files === 0;
    if (isGuarded) {
      // The guard is a table of one: it makes room, and gets the last place of the new one.
      this.#register(RegisterOp.UNREGISTER_FILES, null, 0);
      this.close();
    }
    const table = new DataView(new ArrayBuffer(URING_RSRC_REGISTER.SIZE));
    // One more than asked for: the last place is kept for `watchEnd`.
    table.setUint32(URING_RSRC_REGISTER.COUNT, count + 1, true);
    table.setUint32(URING_RSRC_REGISTER.FLAGS, SPARSE, true);
    const registered = this.#register(RegisterOp.FILES2, table, URING_RSRC_REGISTER.SIZE);
    if (registered < 0) return registered;
    this.#files = count + 1;
    if (isGuarded) this.guard();
    const range = new DataView(new ArrayBuffer(URING_FILE_RANGE.SIZE));
    range.setUint32(URING_FILE_RANGE.LENGTH, count, true);
    return this.#register(RegisterOp.FILE_ALLOC_RANGE, range, 0);
  }

  /**
   * Makes the end of the ring visible. The kernel dismantles a ring after its descriptor was closed,
   * and drops the ring's own files once no operation is left; so the ring is given the write end of
   * a pipe as such a file, and the read end comes to its end exactly when the memory is free.
   *
   * @returns false when that cannot be had
   */
  guard(): boolean {
    if (this.#reader >= 0) return true;
    const ends = new Int32Array(new ArrayBuffer(8));
    if (this.#libc.pipe2(new Uint8Array(ends.buffer), O_CLOEXEC) < 0) return false;
    const [reader, writer] = ends;
    this.#descriptors.keep(reader);
    this.#descriptors.keep(writer);
    const isKept = this.#keepFile(writer) >= 0;
    this.#descriptors.close(writer);
    if (isKept) {
      this.#reader = reader;
      this.#descriptors.table?.noteEnd(reader);
    } else {
      this.#descriptors.close(reader);
    }
    return isKept;
  }

  /** {@inheritDoc RingRegistrar.watchEnd} */
  async watchEnd(): Promise<boolean> {
    if (!this.guard()) return false;
    const reader = this.#reader;
    this.#reader = -1;
    try {
      return await this.#libc.read_blocking(reader, new Uint8Array(new ArrayBuffer(8)), 1n) === 0n;
    } finally {
      this.#descriptors.close(reader);
    }
  }

  /** Lets go of what {@linkcode Registrar.guard} holds. */
  close(): void {
    if (this.#reader >= 0) this.#descriptors.close(this.#reader);
    this.#reader = -1;
  }

  #keepFile(fd: number): number {
    // The array of descriptors lies in ring memory: the kernel wants its address.
    const place = this.#memory.at.rings - Int32Array.BYTES_PER_ELEMENT;
    this.#memory.words[place >> 2] = fd;
    if (this.#files === 0) {
      const files = new DataView(new ArrayBuffer(4));
      files.setInt32(0, fd, true);
      return this.#register(RegisterOp.FILES, files, 1);
    }
    const update = new DataView(new ArrayBuffer(URING_FILES_UPDATE.SIZE));
    update.setUint32(URING_FILES_UPDATE.OFFSET, this.#files - 1, true);
    setLong(update, URING_FILES_UPDATE.DESCRIPTORS, this.#memory.base + place);
    return this.#register(RegisterOp.FILES_UPDATE, update, 1);
  }

  #register(opcode: number, argument: DataView<ArrayBuffer> | null, count: number): number {
    const bytes = argument === null ? null : new Uint8Array(argument.buffer);
    return orErrno(this.#libc.register(SYS_IO_URING_REGISTER, this.fd, opcode, bytes, count));
  }
}

/** Writes a 64-bit number. */
function setLong(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % HIGH, true);
  view.setUint32(offset + 4, Math.floor(value / HIGH), true);
}
