/**
 * The binary layouts that rings share with the kernel, each declared once, as offsets in bytes from
 * the start of the structure (`linux/io_uring.h`, `sys/socket.h`, `linux/time_types.h`; 64-bit,
 * little-endian). Offsets chain: each is the one before plus its size, and the total is asserted.
 *
 * @module
 */

/** A field's place in a structure: its byte offset, and its byte length. */
type Field = readonly [name: string, bytes: number];

/** Chains fields into offsets and proves that they fill the structure exactly. */
export function structure<const Fields extends readonly Field[]>(
  size: number,
  fields: Fields,
): { readonly [Name in Fields[number][0]]: number } & { readonly SIZE: number } {
  const offsets: Record<string, number> = {};
  let offset = 0;
  for (const [name, bytes] of fields) {
    offsets[name] = offset;
    offset += bytes;
  }
  if (offset !== size) throw new Error(`a structure of ${size} bytes has fields of ${offset}`);
  offsets.SIZE = size;
  return offsets as { [Name in Fields[number][0]]: number } & { SIZE: number };
}

/** A field's index in 32-bit words, for structures that are written through an `Int32Array`. */
function word(offset: number): number {
  if (offset % 4 !== 0) throw new Error(`offset ${offset} is not a word`);
  return offset / 4;
}

/** `struct io_uring_sqe`, the submission queue entry: 64 bytes. */
export const SQE: Readonly<
  Record<
    | "OPCODE"
    | "FLAGS"
    | "IOPRIO"
    | "FD"
    | "OFFSET"
    | "ADDRESS"
    | "LENGTH"
    | "OPERATION_FLAGS"
    | "USER_DATA"
    | "BUFFER_GROUP"
    | "PERSONALITY"
    | "FILE_INDEX"
    | "ADDRESS3"
    | "PAD"
    | "SIZE",
    number
  >
> = structure(64, [
  ["OPCODE", 1],
  ["FLAGS", 1],
  ["IOPRIO", 2],
  ["FD", 4],
  ["OFFSET", 8],
  ["ADDRESS", 8],
  ["LENGTH", 4],
  ["OPERATION_FLAGS", 4],
  ["USER_DATA", 8],
  ["BUFFER_GROUP", 2],
  ["PERSONALITY", 2],
  ["FILE_INDEX", 4],
  ["ADDRESS3", 8],
  ["PAD", 8],
]);

/** Words in one submission queue entry, and the shift that multiplies by it. */
export const SQE_WORDS: number = word(SQE.SIZE);
/** `index << SQE_SHIFT` is the first word of entry `index`. */
export const SQE_SHIFT: number = 4;
/** Word 0: opcode in bits 0-7, SQE flags in bits 8-15, ioprio in bits 16-31. */
export const W_OPCODE: number = word(SQE.OPCODE);
/** The descriptor. */
export const W_FD: number = word(SQE.FD);
/** `off`, `addr2` or `cmd_op`, low half. */
export const W_OFFSET: number = word(SQE.OFFSET);
/** `addr`, low half; the high half is the next word. */
export const W_ADDRESS: number = word(SQE.ADDRESS);
/** `len`. */
export const W_LENGTH: number = word(SQE.LENGTH);
/** `msg_flags`, `timeout_flags`, `accept_flags`, `poll32_events` ... */
export const W_OPERATION_FLAGS: number = word(SQE.OPERATION_FLAGS);
/** `user_data`, low half: the slot. */
export const W_USER_DATA: number = word(SQE.USER_DATA);
/** `buf_index` or `buf_group` in bits 0-15, personality in bits 16-31. */
export const W_BUFFER_GROUP: number = word(SQE.BUFFER_GROUP);
/** `file_index`, `splice_fd_in` or `optlen`. */
export const W_FILE_INDEX: number = word(SQE.FILE_INDEX);
/** `addr3` or `optval`, low half. */
export const W_ADDRESS3: number = word(SQE.ADDRESS3);

/** `struct io_uring_cqe`, the completion queue entry: 16 bytes. */
export const CQE: Readonly<Record<"USER_DATA" | "RESULT" | "FLAGS" | "SIZE", number>> = structure(
  16,
  [["USER_DATA", 8], ["RESULT", 4], ["FLAGS", 4]],
);
/** `index << CQE_SHIFT` is the first word of entry `index`. */
export const CQE_SHIFT: number = 2;

/** `struct io_sqring_offsets`: 40 bytes. */
export const SQRING_OFFSETS: Readonly<
  Record<
    | "HEAD"
    | "TAIL"
    | "RING_MASK"
    | "RING_ENTRIES"
    | "FLAGS"
    | "DROPPED"
    | "ARRAY"
    | "RESERVED"
    | "USER_ADDRESS"
    | "SIZE",
    number
  >
> = structure(40, [
  ["HEAD", 4],
  ["TAIL", 4],
  ["RING_MASK", 4],
  ["RING_ENTRIES", 4],
  ["FLAGS", 4],
  ["DROPPED", 4],
  ["ARRAY", 4],
  ["RESERVED", 4],
  ["USER_ADDRESS", 8],
]);

/** `struct io_cqring_offsets`: 40 bytes. */
export const CQRING_OFFSETS: Readonly<
  Record<
    | "HEAD"
    | "TAIL"
    | "RING_MASK"
    | "RING_ENTRIES"
    | "OVERFLOW"
    | "CQES"
    | "FLAGS"
    | "RESERVED"
    | "USER_ADDRESS"
    | "SIZE",
    number
  >
> = structure(40, [
  ["HEAD", 4],
  ["TAIL", 4],
  ["RING_MASK", 4],
  ["RING_ENTRIES", 4],
  ["OVERFLOW", 4],
  ["CQES", 4],
  ["FLAGS", 4],
  ["RESERVED", 4],
  ["USER_ADDRESS", 8],
]);

/** `struct io_uring_params`, what `io_uring_setup(2)` takes and fills: 120 bytes. */
export const URING_PARAMS: Readonly<
  Record<
    | "SQ_ENTRIES"
    | "CQ_ENTRIES"
    | "FLAGS"
    | "SQ_THREAD_CPU"
    | "SQ_THREAD_IDLE"
    | "FEATURES"
    | "WQ_FD"
    | "RESERVED"
    | "SQ_OFFSETS"
    | "CQ_OFFSETS"
    | "SIZE",
    number
  >
> = structure(120, [
  ["SQ_ENTRIES", 4],
  ["CQ_ENTRIES", 4],
  ["FLAGS", 4],
  ["SQ_THREAD_CPU", 4],
  ["SQ_THREAD_IDLE", 4],
  ["FEATURES", 4],
  ["WQ_FD", 4],
  ["RESERVED", 12],
  ["SQ_OFFSETS", SQRING_OFFSETS.SIZE],
  ["CQ_OFFSETS", CQRING_OFFSETS.SIZE],
]);

/** `struct io_uring_buf`, one provided buffer; the ring's tail is the `RESERVED` of the first. */
export const URING_BUF: Readonly<
  Record<"ADDRESS" | "LENGTH" | "ID" | "RESERVED" | "SIZE", number>
> = structure(16, [["ADDRESS", 8], ["LENGTH", 4], ["ID", 2], ["RESERVED", 2]]);

/** `struct io_uring_buf_reg`, which registers a provided-buffer ring: 40 bytes. */
export const URING_BUF_REG: Readonly<
  Record<"RING_ADDRESS" | "RING_ENTRIES" | "GROUP" | "FLAGS" | "RESERVED" | "SIZE", number>
> = structure(40, [
  ["RING_ADDRESS", 8],
  ["RING_ENTRIES", 4],
  ["GROUP", 2],
  ["FLAGS", 2],
  ["RESERVED", 24],
]);

/** `struct io_uring_rsrc_register`, which registers a table of direct descriptors: 32 bytes. */
export const URING_RSRC_REGISTER: Readonly<
  Record<"COUNT" | "FLAGS" | "RESERVED" | "DATA" | "TAGS" | "SIZE", number>
> = structure(32, [["COUNT", 4], ["FLAGS", 4], ["RESERVED", 8], ["DATA", 8], ["TAGS", 8]]);

/** `struct io_uring_files_update`: 16 bytes. */
export const URING_FILES_UPDATE: Readonly<
  Record<"OFFSET" | "RESERVED" | "DESCRIPTORS" | "SIZE", number>
> = structure(16, [["OFFSET", 4], ["RESERVED", 4], ["DESCRIPTORS", 8]]);

/** `struct io_uring_file_index_range`: 16 bytes. */
export const URING_FILE_RANGE: Readonly<
  Record<"OFFSET" | "LENGTH" | "RESERVED" | "SIZE", number>
> = structure(16, [["OFFSET", 4], ["LENGTH", 4], ["RESERVED", 8]]);

/** `struct io_uring_probe` without its operations, and one operation of it. */
export const URING_PROBE: Readonly<
  Record<"LAST_OPCODE" | "OPERATIONS" | "RESERVED" | "SIZE", number>
> = structure(16, [["LAST_OPCODE", 1], ["OPERATIONS", 1], ["RESERVED", 14]]);
/** `struct io_uring_probe_op`. */
export const URING_PROBE_OP: Readonly<
  Record<"OPCODE" | "RESERVED" | "FLAGS" | "RESERVED2" | "SIZE", number>
> = structure(8, [["OPCODE", 1], ["RESERVED", 1], ["FLAGS", 2], ["RESERVED2", 4]]);

/** `struct __kernel_timespec`: 16 bytes. */
export const TIMESPEC: Readonly<Record<"SECONDS" | "NANOSECONDS" | "SIZE", number>> = structure(
  16,
  [["SECONDS", 8], ["NANOSECONDS", 8]],
);

/** `struct iovec`: 16 bytes. */
export const IOVEC: Readonly<Record<"BASE" | "LENGTH" | "SIZE", number>> = structure(
  16,
  [["BASE", 8], ["LENGTH", 8]],
);

/** `struct msghdr` (64-bit, with its padding): 56 bytes. */
export const MSGHDR: Readonly<
  Record<
    | "NAME"
    | "NAME_LENGTH"
    | "PAD"
    | "IOV"
    | "IOV_LENGTH"
    | "CONTROL"
    | "CONTROL_LENGTH"
    | "FLAGS"
    | "PAD2"
    | "SIZE",
    number
  >
> = structure(56, [
  ["NAME", 8],
  ["NAME_LENGTH", 4],
  ["PAD", 4],
  ["IOV", 8],
  ["IOV_LENGTH", 8],
  ["CONTROL", 8],
  ["CONTROL_LENGTH", 8],
  ["FLAGS", 4],
  ["PAD2", 4],
]);

/** `struct cmsghdr` (64-bit): 16 bytes. */
export const CMSGHDR: Readonly<Record<"LENGTH" | "LEVEL" | "TYPE" | "SIZE", number>> = structure(
  16,
  [["LENGTH", 8], ["LEVEL", 4], ["TYPE", 4]],
);

/** `struct io_uring_recvmsg_out`: 16 bytes. */
export const RECVMSG_OUT: Readonly<
  Record<"NAME_LENGTH" | "CONTROL_LENGTH" | "PAYLOAD_LENGTH" | "FLAGS" | "SIZE", number>
> = structure(16, [
  ["NAME_LENGTH", 4],
  ["CONTROL_LENGTH", 4],
  ["PAYLOAD_LENGTH", 4],
  ["FLAGS", 4],
]);

/** `struct statx`, as far as it is read: 256 bytes. */
export const STATX: Readonly<
  Record<
    | "MASK"
    | "ATTRIBUTES"
    | "MODE"
    | "INODE"
    | "SIZES"
    | "ACCESS"
    | "BIRTH_SECONDS"
    | "BIRTH_NANOSECONDS"
    | "CHANGE"
    | "DEVICE_MAJOR"
    | "DEVICE_MINOR"
    | "REST"
    | "SIZE",
    number
  >
> = structure(256, [
  ["MASK", 8],
  ["ATTRIBUTES", 20],
  ["MODE", 4],
  ["INODE", 8],
  ["SIZES", 24],
  ["ACCESS", 16],
  ["BIRTH_SECONDS", 8],
  ["BIRTH_NANOSECONDS", 8],
  ["CHANGE", 40],
  ["DEVICE_MAJOR", 4],
  ["DEVICE_MINOR", 4],
  ["REST", 112],
]);
