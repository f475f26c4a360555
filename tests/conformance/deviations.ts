/**
 * Where backends documentedly do something else, and what.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import type { Deviation } from "./backends.ts";
import type { BehaviourBody } from "./behaviour.ts";
import type { Context } from "./context.ts";
import { assertNetError, reasonOf } from "./expect.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { Op, SqeFlag } from "../../ring/abi/opcodes.ts";

/** Proves that every call rejects with ENOTSUP that names the backend and what it cannot do. */
function refuses(
  names: readonly string[],
  calls: (t: Context) => Promise<readonly Promise<unknown>[]>,
): BehaviourBody {
  return async (t) => {
    const errors = await Promise.all((await calls(t)).map(reasonOf));
    for (const error of errors) {
      assertNetError(error, { code: "ENOTSUP" });
      assertInstanceOf(error, Deno.errors.NotSupported);
      assert(error.message.includes(t.capability.backend.kind), error.message);
      assert(names.some((name) => error.message.includes(name)), error.message);
    }
  };
}

const NO_LOCAL_ADDRESS: Deviation = {
  why: "Deno.connect takes no local address: ENOTSUP",
  outcome: async (t) => {
    const endpoint = await t.listen();
    const options = { localAddress: "127.0.0.1:0" };
    const error = await reasonOf(t.capability.connect(endpoint.addr, options));
    assertNetError(error, { code: "ENOTSUP", operation: "connect" });
    assertInstanceOf(error, Deno.errors.NotSupported);
  },
};

const NO_LINGER: Deviation = {
  why: "Deno sets no SO_LINGER: ENOTSUP names the option",
  outcome: refuses(["lingerSeconds"], async (t) => {
    const { client } = await t.pair();
    return [
      t.capability.connect(client.remoteAddr, { lingerSeconds: 0 }),
      client.setOption("lingerSeconds", 5),
      client.getOption("lingerSeconds"),
    ];
  }),
};

/** Linux has no drains on a ring that ever skipped a completion: io_init_req() in io_uring.c. */
export const SKIPPING_DEVIATIONS: Readonly<Record<string, Deviation>> = {
  "IO_DRAIN waits for everything before it, and everything after waits for it": {
    why: "buffers go back by PROVIDE_BUFFERS with CQE_SKIP_SUCCESS, after which Linux answers " +
      "IO_DRAIN with EOPNOTSUPP",
    outcome: async ({ raw }) => {
      const result = await raw.run(Op.NOP, { flags: SqeFlag.IO_DRAIN });
      assertEquals(result, -Errno.ENOTSUP);
    },
  },
};

/** What plain Deno cannot do. */
export const HOST_DEVIATIONS: Readonly<Record<string, Deviation>> = {
  "connect() from a local address has that address": NO_LOCAL_ADDRESS,
  "connect() from an address that is not ours rejects with EADDRNOTAVAIL": NO_LOCAL_ADDRESS,
  "lingerSeconds reads back as it was set": NO_LINGER,
  "lingerSeconds of 0 resets the connection at close": NO_LINGER,
  "receiveBufferBytes and sendBufferBytes are at least what was set": {
    why: "Deno sets no buffer sizes: ENOTSUP names the option",
    outcome: refuses(["receiveBufferBytes", "sendBufferBytes"], async (t) => {
      const { client } = await t.pair();
      return [
        client.setOption("receiveBufferBytes", 20_000),
        client.getOption("sendBufferBytes"),
        t.capability.listen("127.0.0.1:0", { receiveBufferBytes: 20_000 }),
      ];
    }),
  },
  "reusePort lets two endpoints share a port": {
    why: "Deno.listen does not share ports: ENOTSUP names the option",
    outcome: refuses(
      ["reusePort"],
      (t) => Promise.resolve([t.capability.listen("127.0.0.1:0", { reusePort: true })]),
    ),
  },
  "endpoint.fd is the descriptor for rings of one's own": {
    why: "descriptors are this backend's own numbers: endpoint.fd throws ENOTSUP",
    outcome: async (t) => {
      const endpoint = await t.listen();
      const error = assertThrows(() => endpoint.fd);
      assertNetError(error, { code: "ENOTSUP", operation: "fd" });
      assert(error.message.includes(t.capability.backend.kind), error.message);
    },
  },
  "an operation on what is no socket completes with ENOTSOCK": {
    why: "every descriptor of this backend is a socket",
  },
};
