import { assert, assertEquals } from "@std/assert";
import * as layout from "./layout.ts";
import {
  CancelFlag,
  CqeFlag,
  EnterFlag,
  FeatureFlag,
  IoPrio,
  Msg,
  Op,
  Poll,
  PollFlag,
  RegisterOp,
  Scm,
  SetupFlag,
  Shut,
  Sock,
  SockOpt,
  SqeFlag,
  SqRingFlag,
  TimeoutFlag,
} from "./opcodes.ts";
import { hasProgram, skipUnless } from "../../tests/support/skip.ts";

/** Our fields by their names in C; a field that is a union is named by one of its members. */
const STRUCTURES: Readonly<
  Record<string, readonly [ours: Readonly<Record<string, number>>, Record<string, string>]>
> = {
  "struct io_uring_sqe": [layout.SQE, {
    OPCODE: "opcode",
    FLAGS: "flags",
    IOPRIO: "ioprio",
    FD: "fd",
    OFFSET: "off",
    ADDRESS: "addr",
    LENGTH: "len",
    OPERATION_FLAGS: "rw_flags",
    USER_DATA: "user_data",
    BUFFER_GROUP: "buf_group",
    PERSONALITY: "personality",
    FILE_INDEX: "file_index",
    ADDRESS3: "addr3",
  }],
  "struct io_uring_cqe": [layout.CQE, { USER_DATA: "user_data", RESULT: "res", FLAGS: "flags" }],
  "struct io_sqring_offsets": [layout.SQRING_OFFSETS, {
    HEAD: "head",
    TAIL: "tail",
    RING_MASK: "ring_mask",
    RING_ENTRIES: "ring_entries",
    FLAGS: "flags",
    DROPPED: "dropped",
    ARRAY: "array",
  }],
  "struct io_cqring_offsets": [layout.CQRING_OFFSETS, {
    HEAD: "head",
    TAIL: "tail",
    RING_MASK: "ring_mask",
    RING_ENTRIES: "ring_entries",
    OVERFLOW: "overflow",
    CQES: "cqes",
    FLAGS: "flags",
  }],
  "struct io_uring_params": [layout.URING_PARAMS, {
    SQ_ENTRIES: "sq_entries",
    CQ_ENTRIES: "cq_entries",
    FLAGS: "flags",
    SQ_THREAD_CPU: "sq_thread_cpu",
    SQ_THREAD_IDLE: "sq_thread_idle",
    FEATURES: "features",
    WQ_FD: "wq_fd",
    SQ_OFFSETS: "sq_off",
    CQ_OFFSETS: "cq_off",
  }],
  "struct cmsghdr": [layout.CMSGHDR, {
    LENGTH: "cmsg_len",
    LEVEL: "cmsg_level",
    TYPE: "cmsg_type",
  }],
  "struct io_uring_recvmsg_out": [layout.RECVMSG_OUT, {
    NAME_LENGTH: "namelen",
    CONTROL_LENGTH: "controllen",
    PAYLOAD_LENGTH: "payloadlen",
    FLAGS: "flags",
  }],
  "struct statx": [layout.STATX, {
    MASK: "stx_mask",
    ATTRIBUTES: "stx_attributes",
    MODE: "stx_mode",
    INODE: "stx_ino",
    SIZES: "stx_size",
    ACCESS: "stx_atime",
    BIRTH_SECONDS: "stx_btime.tv_sec",
    BIRTH_NANOSECONDS: "stx_btime.tv_nsec",
    CHANGE: "stx_ctime",
    DEVICE_MAJOR: "stx_dev_major",
    DEVICE_MINOR: "stx_dev_minor",
  }],
  "struct io_uring_buf": [layout.URING_BUF, {
    ADDRESS: "addr",
    LENGTH: "len",
    ID: "bid",
    RESERVED: "resv",
  }],
  "struct io_uring_buf_reg": [layout.URING_BUF_REG, {
    RING_ADDRESS: "ring_addr",
    RING_ENTRIES: "ring_entries",
    GROUP: "bgid",
  }],
  "struct io_uring_rsrc_register": [layout.URING_RSRC_REGISTER, {
    COUNT: "nr",
    FLAGS: "flags",
    DATA: "data",
    TAGS: "tags",
  }],
  "struct io_uring_files_update": [layout.URING_FILES_UPDATE, {
    OFFSET: "offset",
    DESCRIPTORS: "fds",
  }],
  "struct io_uring_file_index_range": [layout.URING_FILE_RANGE, { OFFSET: "off", LENGTH: "len" }],
  "struct io_uring_probe": [layout.URING_PROBE, {
    LAST_OPCODE: "last_op",
    OPERATIONS: "ops_len",
  }],
  "struct io_uring_probe_op": [layout.URING_PROBE_OP, { OPCODE: "op", FLAGS: "flags" }],
  "struct __kernel_timespec": [layout.TIMESPEC, { SECONDS: "tv_sec", NANOSECONDS: "tv_nsec" }],
  "struct iovec": [layout.IOVEC, { BASE: "iov_base", LENGTH: "iov_len" }],
  "struct msghdr": [layout.MSGHDR, {
    NAME: "msg_name",
    NAME_LENGTH: "msg_namelen",
    IOV: "msg_iov",
    IOV_LENGTH: "msg_iovlen",
    CONTROL: "msg_control",
    CONTROL_LENGTH: "msg_controllen",
    FLAGS: "msg_flags",
  }],
};

/** Our numbers by what C calls them: a prefix, and names that differ. */
const NUMBERS: readonly [
  prefix: string,
  ours: Readonly<Record<string, number>>,
  odd?: Readonly<Record<string, string>>,
][] = [
  ["IORING_OP_", Op],
  ["IOSQE_", SqeFlag, { CQE_SKIP_SUCCESS: "IOSQE_CQE_SKIP_SUCCESS" }],
  ["IORING_CQE_F_", CqeFlag],
  ["IORING_SETUP_", SetupFlag],
  ["IORING_FEAT_", FeatureFlag],
  ["IORING_ENTER_", EnterFlag],
  ["IORING_SQ_", SqRingFlag],
  ["IORING_REGISTER_", RegisterOp, {
    UNREGISTER_BUFFERS: "IORING_UNREGISTER_BUFFERS",
    UNREGISTER_EVENTFD: "IORING_UNREGISTER_EVENTFD",
    UNREGISTER_FILES: "IORING_UNREGISTER_FILES",
    UNREGISTER_PBUF_RING: "IORING_UNREGISTER_PBUF_RING",
  }],
  ["IORING_", IoPrio, {
    POLL_FIRST: "IORING_RECVSEND_POLL_FIRST",
    FIXED_BUF: "IORING_RECVSEND_FIXED_BUF",
    ZC_REPORT_USAGE: "IORING_SEND_ZC_REPORT_USAGE",
    BUNDLE: "IORING_RECVSEND_BUNDLE",
  }],
  ["IORING_ASYNC_CANCEL_", CancelFlag],
  ["IORING_TIMEOUT_", TimeoutFlag, { LINK_TIMEOUT_UPDATE: "IORING_LINK_TIMEOUT_UPDATE" }],
  ["IORING_POLL_", PollFlag, {
    UPDATE_EVENTS: "IORING_POLL_UPDATE_EVENTS",
    UPDATE_USER_DATA: "IORING_POLL_UPDATE_USER_DATA",
  }],
  ["POLL", Poll],
  ["MSG_", Msg],
  ["SCM_", Scm],
  ["SOCK_", Sock],
  ["SHUT_", Shut],
  ["", SockOpt],
];

const HEADERS = `
#define _GNU_SOURCE
#include <stddef.h>
#include <stdio.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <linux/time_types.h>
#include <linux/io_uring.h>
`;

async function run(command: string, args: readonly string[], input = ""): Promise<string> {
  const child = new Deno.Command(command, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** Evaluates C expressions where the headers have the names in them. */
async function evaluate(
  wanted: ReadonlyMap<string, readonly string[]>,
): Promise<Map<string, number>> {
  // Headers may be older than the numbers here: what they do not have is left out.
  const known = await run("gcc", ["-E", "-dD", "-"], HEADERS);
  const words = new Set(known.match(/\w+/g));
  const expressions = [...wanted].filter(([, names]) => names.every((name) => words.has(name)));
  const lines = expressions.map(([text]) => `printf("%lld\\n", (long long)(${text}));`);
  const binary = await Deno.makeTempFile();
  try {
    const program = `${HEADERS}\nint main(void) {\n${lines.join("\n")}\nreturn 0;\n}\n`;
    await run("gcc", ["-x", "c", "-o", binary, "-"], program);
    const values = (await run(binary, [])).trim().split("\n").map(Number);
    return new Map(expressions.map(([text], index) => [text, values[index]]));
  } finally {
    await Deno.remove(binary);
  }
}

const HAS_GCC = Deno.build.os === "linux" && Deno.build.arch === "x86_64" && hasProgram("gcc");

const withGcc = (name: string) => skipUnless(name, HAS_GCC, "needs gcc on x86-64 Linux");

Deno.test({
  ...withGcc("structures lie as the C compiler lays them out"),
  async fn() {
    const expected = new Map<string, number>();
    const wanted = new Map<string, readonly string[]>();
    for (const [structure, [ours, fields]] of Object.entries(STRUCTURES)) {
      const tag = structure.slice("struct ".length);
      expected.set(`sizeof(${structure})`, ours.SIZE);
      wanted.set(`sizeof(${structure})`, [tag]);
      for (const [field, name] of Object.entries(fields)) {
        expected.set(`offsetof(${structure}, ${name})`, ours[field]);
        wanted.set(`offsetof(${structure}, ${name})`, [tag, ...name.split(".")]);
      }
    }
    const actual = await evaluate(wanted);
    assert(actual.size > 60, `only ${actual.size} of ${wanted.size} were known`);
    for (const [text, value] of actual) assertEquals(expected.get(text), value, text);
  },
});

Deno.test({
  ...withGcc("opcodes, flags and options have the numbers of the system's headers"),
  async fn() {
    const expected = new Map<string, number>();
    for (const [prefix, ours, odd = {}] of NUMBERS) {
      for (const [name, value] of Object.entries(ours)) {
        expected.set(odd[name] ?? prefix + name, value);
      }
    }
    const names = [...expected.keys()];
    const actual = await evaluate(new Map(names.map((name) => [name, [name]])));
    assert(actual.size > 120, `only ${actual.size} of ${names.length} were known`);
    for (const [name, value] of actual) assertEquals(expected.get(name), value, name);
  },
});

Deno.test("an entry's words are its fields", () => {
  const { SQE } = layout;
  const words = [
    [layout.W_OPCODE, SQE.OPCODE],
    [layout.W_FD, SQE.FD],
    [layout.W_OFFSET, SQE.OFFSET],
    [layout.W_ADDRESS, SQE.ADDRESS],
    [layout.W_LENGTH, SQE.LENGTH],
    [layout.W_OPERATION_FLAGS, SQE.OPERATION_FLAGS],
    [layout.W_USER_DATA, SQE.USER_DATA],
    [layout.W_BUFFER_GROUP, SQE.BUFFER_GROUP],
    [layout.W_FILE_INDEX, SQE.FILE_INDEX],
    [layout.W_ADDRESS3, SQE.ADDRESS3],
  ];
  for (const [word, offset] of words) assertEquals(word * 4, offset);
  assertEquals(1 << layout.SQE_SHIFT, layout.SQE_WORDS);
  assertEquals(4 << layout.CQE_SHIFT, layout.CQE.SIZE);
});

Deno.test("sizes are the ABI's", () => {
  const { SQE, CQE, URING_PARAMS, URING_BUF, URING_BUF_REG, TIMESPEC, IOVEC, MSGHDR } = layout;
  const sizes = [SQE, CQE, URING_PARAMS, URING_BUF, URING_BUF_REG, TIMESPEC, IOVEC, MSGHDR]
    .map(({ SIZE }) => SIZE);
  assertEquals(sizes, [64, 16, 120, 16, 40, 16, 16, 56]);
});
