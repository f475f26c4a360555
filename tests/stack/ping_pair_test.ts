import { assert, assertEquals } from "@std/assert";
import { at, echo, withPair } from "../support/stack/raw_world.ts";
import { ADDRESSES, ADDRESSES_6 } from "../support/stack/pair.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { ipv6Of } from "../../stack/wire/mod.ts";

const ANY_6 = ipv6Of("::");

// covers RFC 1122 3.2.2.6 MUST
Deno.test(
  "a ping socket asks and is answered, with an identifier of its own",
  withPair((world) => {
    for (
      const [family, addresses, type] of [["ipv4", ADDRESSES, 8], [
        "ipv6",
        ADDRESSES_6,
        128,
      ]] as const
    ) {
      const one = world.ping(0, family);
      const other = world.ping(0, family);
      assertEquals(world.users[0].send(one, echo(5, type), at(addresses[1])), 11);
      assertEquals(world.users[0].send(other, echo(6, type), at(addresses[1])), 11);
      world.run();
      const [first, second] = [one, other].map((socket) => {
        const got = world.users[0].receive(socket);
        assert(typeof got !== "number");
        assertEquals(world.users[0].receive(socket), -Errno.EAGAIN);
        assertEquals([got.info.source, got.info.port], [addresses[1], 0]);
        return got.data;
      });
      assertEquals([first[7], second[7]], [5, 6]);
      assertEquals([...first.slice(8)], [1, 2, 3]);
      assertEquals(first[0], type === 8 ? 0 : 129);
      assertEquals(first[4] << 8 | first[5], one.flow.localPort);
      assert(one.flow.localPort !== other.flow.localPort);
    }
    assertEquals(world.counts(0).REPLIES_RECEIVED, 4);
  }),
);

Deno.test(
  "ping sockets send nothing but echo requests",
  withPair((world) => {
    const one = world.ping(0);
    assertEquals(world.users[0].send(one, echo(1, 0), at(ADDRESSES[1])), -Errno.EINVAL);
    assertEquals(world.users[0].send(one, echo().slice(0, 7), at(ADDRESSES[1])), -Errno.EINVAL);
    assertEquals(world.users[0].send(one, echo()), -Errno.EDESTADDRREQ);
    assertEquals(world.users[0].send(one, echo(), at(ADDRESSES_6[1])), -Errno.EAFNOSUPPORT);
  }),
);

Deno.test(
  "replies find the socket that is bound to their identifier, or nobody",
  withPair((world) => {
    const one = world.ping(0);
    assertEquals(one.bind(0, 777, 0), 0);
    assertEquals(world.ping(0).bind(0, 777, 0), -Errno.EADDRINUSE);
    const six = world.ping(0, "ipv6");
    assertEquals(six.bind(ANY_6, 777, 0), 0);
    world.users[0].send(one, echo(), at(ADDRESSES[1]));
    world.run();
    assert(typeof world.users[0].receive(one) !== "number");
    assertEquals(world.users[0].receive(six), -Errno.EAGAIN);
    world.users[0].send(one, echo(), at(ADDRESSES[1]));
    one.close();
    world.run();
    assertEquals(world.counts(0).DROPPED_REPLY_NO_SOCKET, 1);
  }),
);
