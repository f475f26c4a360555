import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import * as protocol from "./protocol.ts";
import { Kind, type Message, readMessage } from "./protocol.ts";
import { SEED } from "../../tests/support/seed.ts";

const KEY = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const OTHER = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 9);
const HASH = new Uint8Array(32).map((_, index) => index);

function read(bytes: Uint8Array, kind: Kind): Message {
  const message = readMessage(bytes);
  assert(message !== undefined);
  assertEquals(message.kind, kind);
  return message;
}

Deno.test("every message reads back as it was written", () => {
  const offer = { key: OTHER, size: 2 ** 33 + 5, name: "grüße.txt" };
  const first = read(protocol.writeOffer(null, offer), Kind.OFFER);
  assertEquals(protocol.readOffer(first), offer);
  assert(!protocol.hasKey(first, KEY));
  assert(protocol.hasKey(read(protocol.writeOffer(KEY, offer), Kind.OFFER), KEY));
  const challenge = read(protocol.writeChallenge(KEY, OTHER), Kind.CHALLENGE);
  assertEquals(protocol.readChallenge(challenge), OTHER);
  const data = new Uint8Array(protocol.DATA_HEADER_BYTES + 3).fill(7);
  protocol.sealData(data, KEY, 2 ** 32 - 2, 2 ** 32 - 1);
  const block = read(data, Kind.DATA);
  assertEquals([protocol.blockOf(block), protocol.transmissionOf(block)], [
    2 ** 32 - 2,
    2 ** 32 - 1,
  ]);
  assert(protocol.hasKey(block, KEY) && !protocol.hasKey(block, OTHER));
  const ack = { next: 5, edge: 9, reached: 7, duplicates: 1, bitmap: Uint8Array.of(2, 1) };
  assertEquals(protocol.readAck(read(protocol.writeAck(KEY, ack), Kind.ACK)), ack);
  for (const kind of [Kind.FINISH, Kind.RESULT] as const) {
    assertEquals(protocol.hashOf(read(protocol.writeHash(kind, KEY, HASH), kind)), HASH);
  }
  assert(protocol.hasKey(read(protocol.writeBye(KEY), Kind.BYE), KEY));
  const stop = read(protocol.writeStop(KEY, "\x1b[31mno\u202e room"), Kind.STOP);
  assertEquals(protocol.reasonOf(stop), "[31mno room");
});

Deno.test("whatever arrives is a message or none, and never throws", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(9), (tail, kind) => {
      assertEquals(readMessage(tail), undefined);
      // Nor must anybody stumble over what was forged well.
      const forged = new Uint8Array([...protocol.writeStop(KEY, ""), ...tail]);
      forged[2] = kind;
      const message = readMessage(protocol.seal(forged));
      if (message?.kind === Kind.OFFER) protocol.readOffer(message);
      if (message?.kind === Kind.ACK) protocol.readAck(message);
      if (message?.kind === Kind.STOP) protocol.reasonOf(message);
    }),
    { seed: SEED, numRuns: 2000 },
  );
});

Deno.test("a message with a damaged byte is none", () => {
  const offer = protocol.writeOffer(KEY, { key: OTHER, size: 5, name: "a" });
  for (let index = 0; index < offer.length; index++) {
    const damaged = offer.slice();
    damaged[index] ^= 0x10;
    assertEquals(readMessage(damaged), undefined, `byte ${index}`);
  }
  assertEquals(readMessage(offer.subarray(0, offer.length - 1)), undefined);
});

Deno.test("an offer of an impossible file is none", () => {
  const bytes = protocol.writeOffer(KEY, { key: OTHER, size: 0, name: "a" });
  const view = new DataView(bytes.buffer);
  view.setBigUint64(24, 2n ** 63n);
  assertEquals(protocol.readOffer(readMessage(protocol.seal(bytes))!), undefined);
  view.setBigUint64(24, 5n);
  bytes[32] = 0xff;
  assertEquals(protocol.readOffer(readMessage(protocol.seal(bytes))!), undefined);
});

Deno.test("the last block has what is left", () => {
  const { BLOCK_BYTES } = protocol;
  assertEquals(protocol.blocksOf(0), 0);
  assertEquals(protocol.blocksOf(BLOCK_BYTES), 1);
  assertEquals(protocol.blocksOf(BLOCK_BYTES + 1), 2);
  assertEquals(protocol.bytesOfBlock(0, BLOCK_BYTES + 1), BLOCK_BYTES);
  assertEquals(protocol.bytesOfBlock(1, BLOCK_BYTES + 1), 1);
  assertEquals(protocol.bytesOfBlock(0, BLOCK_BYTES), BLOCK_BYTES);
});
