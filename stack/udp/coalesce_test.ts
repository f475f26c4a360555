import { assert, assertEquals } from "@std/assert";
import { int, OWN, pattern } from "../../tests/support/stack/fake_ip.ts";
import { to, withUdp } from "../../tests/support/stack/udp_world.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";

const { IPPROTO_UDP } = SockOpt;

Deno.test(
  "several datagrams that arrived as one are received one by one, or as one on request",
  withUdp(({ ip, user, bound, socket }) => {
    const receiver = bound(53);
    ip.offloadBytes = 65535;
    const one = socket();
    user.send(one, 2500, { ...to(OWN, 53), segmentBytes: 1000 });
    assertEquals(ip.deliver(), 1);
    const lengths: number[] = [];
    for (let got = user.receive(receiver); typeof got !== "number"; got = user.receive(receiver)) {
      lengths.push(got.data.length);
      assertEquals(got.info.segmentBytes, 0);
    }
    assertEquals(lengths, [1000, 1000, 500]);
    receiver.setOption(IPPROTO_UDP, SockOpt.UDP_GRO, int(1));
    user.send(one, 2500, { ...to(OWN, 53), segmentBytes: 1000 });
    ip.deliver();
    const got = user.receive(receiver);
    assert(typeof got !== "number");
    assertEquals([got.data.length, got.info.segmentBytes, got.info.bytes], [2500, 1000, 2500]);
    assertEquals(got.data, pattern(2500));
  }),
);

Deno.test(
  "UDP_GRO receives equal datagrams of a flow as one, up to the first that is shorter",
  withUdp(({ ip, user, bound, counts }) => {
    const receiver = bound(53);
    receiver.setOption(IPPROTO_UDP, SockOpt.UDP_GRO, int(1));
    const [one, other] = [bound(4000), bound(4001)];
    for (const length of [500, 500, 500, 100, 500]) user.send(one, length, to(OWN, 53));
    user.send(other, 500, to(OWN, 53));
    user.send(one, 500, { ...to(OWN, 53), typeOfService: 4 });
    user.send(one, 600, to(OWN, 53));
    ip.deliver();
    const seen: number[][] = [];
    for (let got = user.receive(receiver); typeof got !== "number"; got = user.receive(receiver)) {
      seen.push([got.info.port, got.data.length, got.info.segmentBytes]);
    }
    assertEquals(seen, [
      [4000, 1600, 500],
      [4000, 500, 0],
      [4001, 500, 0],
      [4000, 500, 0],
      [4000, 600, 0],
    ]);
    assertEquals([counts().RECEIVED, counts().COALESCED], [8, 3]);
  }),
);

Deno.test(
  "no more than 64 datagrams are received as one",
  withUdp(({ ip, user, bound }) => {
    const receiver = bound(53);
    receiver.setOption(IPPROTO_UDP, SockOpt.UDP_GRO, int(1));
    const one = bound(4000);
    for (let count = 0; count < 70; count++) user.send(one, 10, to(OWN, 53));
    ip.deliver();
    const first = user.receive(receiver);
    const second = user.receive(receiver);
    assert(typeof first !== "number" && typeof second !== "number");
    assertEquals([first.data.length, second.data.length], [640, 60]);
  }),
);
