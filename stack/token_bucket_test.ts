import { assert, assertEquals, assertFalse } from "@std/assert";
import { SECOND } from "./environment.ts";
import { TokenBucket } from "./token_bucket.ts";

Deno.test("tokens drip into a bucket until it is full", () => {
  const bucket = new TokenBucket(10, 3, 0);
  assertEquals(bucket.available(0), 3);
  bucket.take(3);
  assertEquals(bucket.available(0), 0);
  assertEquals(Math.round(bucket.available(SECOND / 10) * 1000), 1000);
  assertEquals(bucket.available(100 * SECOND), 3);
});

Deno.test("takeOne() takes whole tokens only, and none from a bucket that lacks one", () => {
  const bucket = new TokenBucket(2, 2, SECOND);
  assert(bucket.takeOne(SECOND));
  assert(bucket.takeOne(SECOND));
  assertFalse(bucket.takeOne(SECOND));
  // Half a token has dripped, and is not lost by asking.
  assertFalse(bucket.takeOne(SECOND + SECOND / 4));
  assert(bucket.takeOne(SECOND + SECOND / 2));
  assertFalse(bucket.takeOne(SECOND + SECOND / 2));
});
