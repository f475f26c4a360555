import { assertEquals } from "@std/assert";
import { SenderBed } from "../../../tests/support/stack/tcp/sender.ts";
import { SendCounter } from "./counters.ts";

const MILLISECOND = 1000;

function probed(): SenderBed {
  const bed = new SenderBed({ window: 20_000 });
  bed.probePayload = 1600;
  bed.write(30_000);
  assertEquals(bed.take().slice(0, 3), [[0, 1600], [1600, 1000], [2600, 1000]]);
  bed.pass(100 * MILLISECOND);
  return bed;
}

Deno.test("a probe of the path goes among other data, and its arrival is told", () => {
  const bed = probed();
  bed.acknowledge(1600);
  assertEquals(bed.heard, ["probe of 1600 arrived"]);
  assertEquals(bed.count(SendCounter.PATH_PROBES_DELIVERED), 1);
});

// covers RFC 4821 7.5 SHOULD
Deno.test("a probe that is lost alone is sent again in parts that fit, and reduces nothing", () => {
  const bed = probed();
  bed.acknowledge(0, [[1600, 4600]]);
  assertEquals(bed.heard, ["probe of 1600 lost"]);
  assertEquals(bed.control.heard, []);
  assertEquals(bed.take().slice(0, 2), [[0, 1000], [1000, 600]]);
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(10_000);
  assertEquals(bed.control.heard, []);
});

Deno.test("where others are lost, too, nothing is known of the probe", () => {
  const bed = probed();
  bed.acknowledge(0, [[2600, 5600]]);
  assertEquals(bed.heard, []);
  assertEquals(bed.control.heard, ["loss"]);
});

Deno.test("there is no probe without data to follow it, without SACK, or behind losses", () => {
  const short = new SenderBed({ window: 20_000 });
  short.probePayload = 1600;
  short.write(4000);
  assertEquals(short.take()[0], [0, 1000]);
  const plain = new SenderBed({ window: 20_000, hasSack: false });
  plain.probePayload = 1600;
  plain.write(20_000);
  assertEquals(plain.take()[0], [0, 1000]);
  const lossy = new SenderBed({ window: 5000 });
  lossy.write(30_000);
  lossy.take();
  lossy.probePayload = 1600;
  lossy.control.ownsRecovery = true;
  lossy.acknowledge(0, [[1000, 4000]]);
  lossy.control.window = 20_000;
  lossy.sender.output();
  assertEquals(lossy.take().some(([, bytes]) => bytes > 1000), false);
});

Deno.test("there is one probe at a time", () => {
  const bed = probed();
  bed.take();
  bed.pass(2000 * MILLISECOND);
  bed.write(10_000);
  bed.control.window = 60_000;
  bed.sender.output();
  assertEquals(bed.take().some(([, bytes]) => bytes > 1000), false);
  assertEquals(bed.count(SendCounter.PATH_PROBES), 1);
});
