import { assertEquals, assertNotEquals } from "@std/assert";
import { TestEnvironment } from "../../tests/support/stack/links.ts";
import { Flow } from "../ip/types.ts";
import { CookieVerdict, FastOpenCookies } from "./fast_open_cookies.ts";

const LIFE = 1_000_000;
const SECRET = [1, 2, 3, 4];
const { BAD, GOOD, OLD } = CookieVerdict;

function flowOf(remote: number): Flow {
  const flow = new Flow();
  flow.local = 0x0a00_0001;
  flow.remote = remote;
  return flow;
}

const FLOW = flowOf(0x0a00_0002);

/** Two stacks that have different random numbers. */
function pairOf(secret: readonly number[] | null) {
  const environments = [new TestEnvironment(1), new TestEnvironment(2)];
  const cookies = environments.map((environment) => new FastOpenCookies(environment, LIFE, secret));
  const wait = (microseconds: number) => {
    for (const environment of environments) environment.now += microseconds;
  };
  return { cookies, wait };
}

// covers RFC 7413 4.1.2 MUST
Deno.test("the key changes, and cookies of the one before stay good until it does again", () => {
  const { cookies: [cookies], wait } = pairOf(null);
  const cookie = cookies.make(FLOW).slice();
  const judge = () => cookies.judge(FLOW, cookie, cookie.length);
  assertEquals(judge(), GOOD);
  assertEquals(cookies.judge(flowOf(7), cookie, cookie.length), BAD);
  wait(LIFE);
  assertEquals(judge(), OLD);
  wait(LIFE);
  assertEquals(judge(), BAD);
  const later = cookies.make(FLOW).slice();
  // Nobody asks for two lives.
  wait(2 * LIFE);
  assertEquals(cookies.judge(FLOW, later, later.length), BAD);
});

Deno.test("stacks with one secret know each other's cookies, now and later", () => {
  const { cookies: [one, other], wait } = pairOf(SECRET);
  let before = new Uint8Array(8);
  for (let turn = 0; turn < 5; turn++) {
    const cookie = one.make(FLOW).slice();
    assertNotEquals(cookie, before);
    assertEquals(other.judge(FLOW, cookie, cookie.length), GOOD);
    assertEquals(other.judge(FLOW, before, before.length), turn === 0 ? BAD : OLD);
    before = cookie;
    wait(LIFE);
  }
  // Only one of them is asked meanwhile.
  wait(LIFE / 2);
  one.make(FLOW);
  wait(LIFE * 3);
  const cookie = one.make(FLOW).slice();
  assertEquals(other.judge(FLOW, cookie, cookie.length), GOOD);
});

Deno.test("stacks without a secret do not", () => {
  const { cookies: [one, other] } = pairOf(null);
  const cookie = one.make(FLOW).slice();
  assertEquals(other.judge(FLOW, cookie, cookie.length), BAD);
});
