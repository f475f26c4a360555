import { assertEquals } from "@std/assert";
import { Errno } from "../../../ring/abi/errno.ts";
import { Msg } from "../../../ring/abi/opcodes.ts";
import { ReceiverRig } from "../../../tests/support/stack/tcp/receiver.ts";
import { Flag } from "../../wire/tcp.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** A segment arrives, whose urgent data end so many bytes behind its first one. */
function arrive(rig: ReceiverRig, offset: number, text: string, urgentPointer = 0): void {
  const flags = urgentPointer > 0 ? Flag.URG : 0;
  const segment = rig.segment(offset, encode(text), { flags, urgentPointer })!;
  if (urgentPointer > 0) rig.receiver.onUrgentSegment(segment);
  rig.receiver.onPayload(segment);
  rig.arena.release(segment.packet);
  rig.answer();
}

function read(rig: ReceiverRig, bytes: number, flags = 0): string | number {
  const result = rig.read(bytes, flags);
  return typeof result === "number" ? result : new TextDecoder().decode(result);
}

// covers RFC 9293 3.8.5 MUST-62
// covers RFC 9293 3.8.5 MUST-32
// covers RFC 9293 3.8.5 MUST-33
Deno.test("the byte before where the pointer points is urgent; reading stops before it", () => {
  const rig = new ReceiverRig();
  arrive(rig, 0, "abcXdef", 4);
  assertEquals([rig.urgents > 0, rig.receiver.hasUrgent, rig.receiver.isAtMark], [
    true,
    true,
    false,
  ]);
  assertEquals(rig.receiver.available, 3);
  assertEquals(read(rig, 100), "abc");
  assertEquals([rig.receiver.isAtMark, rig.receiver.available], [true, 3]);
  assertEquals(read(rig, 1, Msg.OOB | Msg.PEEK), "X");
  assertEquals(read(rig, 1, Msg.OOB), "X");
  assertEquals(read(rig, 1, Msg.OOB), -Errno.EINVAL);
  assertEquals(rig.receiver.isAtMark, true);
  assertEquals(read(rig, 100), "def");
  assertEquals([rig.receiver.isAtMark, rig.receiver.urgent], [false, null]);
  rig.close();
});

Deno.test("in line the urgent byte is one of the stream, and reading stops before it, too", () => {
  const rig = new ReceiverRig();
  rig.receiver.isUrgentInline = true;
  arrive(rig, 0, "abcXdef", 4);
  assertEquals(rig.receiver.available, 7);
  assertEquals(read(rig, 1, Msg.OOB), -Errno.EINVAL);
  assertEquals(read(rig, 100), "abc");
  assertEquals(rig.receiver.isAtMark, true);
  assertEquals(read(rig, 100), "Xdef");
  assertEquals(rig.receiver.isAtMark, false);
  rig.close();
});

// covers RFC 9293 3.8.5 MUST-33
Deno.test("the mark may come before its byte", () => {
  const rig = new ReceiverRig();
  arrive(rig, 0, "ab", 5);
  assertEquals([rig.urgents, rig.receiver.hasUrgent], [1, false]);
  assertEquals(read(rig, 1, Msg.OOB), -Errno.EAGAIN);
  assertEquals(read(rig, 100), "ab");
  // It arrives behind a gap: it can be read, out of band, at once.
  arrive(rig, 4, "Xd");
  assertEquals([rig.urgents, rig.receiver.hasUrgent], [2, true]);
  assertEquals(read(rig, 100), -Errno.EAGAIN);
  assertEquals(read(rig, 1, Msg.OOB), "X");
  arrive(rig, 2, "cc");
  assertEquals(read(rig, 100), "cc");
  assertEquals(read(rig, 100), "d");
  rig.close();
});

Deno.test("a newer mark takes the place of an older one, whose byte joins the stream", () => {
  const rig = new ReceiverRig();
  arrive(rig, 0, "aX", 2);
  arrive(rig, 2, "bY", 2);
  assertEquals(read(rig, 1, Msg.OOB), "Y");
  assertEquals(read(rig, 100), "aXb");
  assertEquals(read(rig, 100), -Errno.EAGAIN);
  rig.close();
});

Deno.test("a newer mark while the older one is next drops the byte of that", () => {
  const rig = new ReceiverRig();
  arrive(rig, 0, "Xab", 1);
  assertEquals(rig.receiver.isAtMark, true);
  arrive(rig, 3, "cY", 2);
  assertEquals(read(rig, 100), "abc");
  rig.close();
});

Deno.test("marks on what is read already, or older than the one there is, mean nothing", () => {
  const rig = new ReceiverRig();
  arrive(rig, 0, "abcdef");
  rig.read(3);
  const urgents = rig.urgents;
  for (const pointer of [1, 3, 5]) arrive(rig, 0, "abcdef", pointer);
  assertEquals([rig.urgents, rig.receiver.urgent], [urgents, null]);
  arrive(rig, 6, "gX", 2);
  arrive(rig, 6, "gX", 1);
  assertEquals(read(rig, 1, Msg.OOB), "X");
  rig.close();
});

Deno.test("only the urgent byte is there: nothing can be read", () => {
  const rig = new ReceiverRig();
  arrive(rig, 0, "X", 1);
  assertEquals([rig.receiver.available, rig.receiver.isReadable], [0, false]);
  assertEquals(read(rig, 1, Msg.OOB), "X");
  assertEquals(read(rig, 10), -Errno.EAGAIN);
  arrive(rig, 1, "a");
  assertEquals(read(rig, 10), "a");
  rig.close();
});

Deno.test("out of band a byte can be thrown away, or asked about with no room", () => {
  const rig = new ReceiverRig();
  assertEquals(read(rig, 1, Msg.OOB), -Errno.EINVAL);
  arrive(rig, 0, "X", 1);
  assertEquals(read(rig, 0, Msg.OOB | Msg.PEEK), 0);
  assertEquals(rig.receiver.read(rig.userMemory, 0, 1, Msg.OOB | Msg.TRUNC), 1);
  assertEquals(read(rig, 1, Msg.OOB), -Errno.EINVAL);
  rig.close();
});
