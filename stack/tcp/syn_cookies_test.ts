import { assertEquals } from "@std/assert";
import { Flow } from "../ip/types.ts";
import { TestNetwork } from "../../tests/support/stack/tcp/network.ts";
import { Bit } from "./connection_bits.ts";
import { SynCookies } from "./syn_cookies.ts";

const SECOND = 1_000_000;

function setUp(): { cookies: SynCookies; flow: Flow; environment: { now: number } } {
  const { environment } = new TestNetwork({ now: 64 * SECOND }).addHost();
  const ends = { local: 1, remote: 2, localPort: 80, remotePort: 90 };
  return {
    cookies: new SynCookies(environment),
    flow: Object.assign(new Flow(), ends),
    environment,
  };
}

Deno.test("a cookie remembers the largest usual size that is not too large", () => {
  const { cookies, flow } = setUp();
  for (const [announced, remembered] of [[40, 64], [536, 536], [1459, 1440], [65535, 8940]]) {
    const cookie = cookies.sequence(flow, 7, announced);
    assertEquals(cookies.check(flow, cookie, 7), remembered);
  }
});

Deno.test("another flow, another number or another bit make it none of ours", () => {
  const { cookies, flow } = setUp();
  const cookie = cookies.sequence(flow, 7, 1460);
  assertEquals(cookies.check(flow, cookie, 8), -1);
  assertEquals(cookies.check(Object.assign(new Flow(), flow, { remotePort: 91 }), cookie, 7), -1);
  for (let bit = 0; bit < 32; bit++) {
    assertEquals(cookies.check(flow, cookie ^ 1 << bit, 7), -1, `bit ${bit}`);
  }
});

Deno.test("a cookie is good for one to two minutes", () => {
  const { cookies, flow, environment } = setUp();
  const cookie = cookies.sequence(flow, 7, 1460);
  environment.now += 127 * SECOND;
  assertEquals(cookies.check(flow, cookie, 7), 1460);
  environment.now += SECOND;
  assertEquals(cookies.check(flow, cookie, 7), -1);
});

Deno.test("what may follow a cookie is known by its time, and that of its timestamp", () => {
  const { cookies, flow, environment } = setUp();
  const cookie = cookies.sequence(flow, 7, 1460);
  assertEquals(cookies.check(flow, cookie, 17), -1);
  assertEquals(cookies.isPlausible(cookie, 5000, null), true);
  // In the same millisecond, two minutes later, and neither earlier nor later than that.
  for (const [stamp, is] of [[5000, true], [5000 - 128_000, true], [5001, false]] as const) {
    assertEquals(cookies.isPlausible(cookie, 5000, stamp), is);
  }
  assertEquals(cookies.isPlausible(cookie, 5000, 4999 - 128_000), false);
  // One of the next period is none yet.
  assertEquals(cookies.isPlausible(cookie + (1 << 27) | 0, 5000, null), false);
  environment.now += 127 * SECOND;
  assertEquals(cookies.isPlausible(cookie, 5000, null), true);
  environment.now += SECOND;
  assertEquals(cookies.isPlausible(cookie, 5000, null), false);
});

Deno.test("a timestamp remembers what both ends want, and is never ahead of the clock", () => {
  const { cookies } = setUp();
  const wants = [0, Bit.SCALING, Bit.SACK, Bit.SCALING | Bit.SACK | Bit.ECN_CLASSIC];
  for (let clock = 1000; clock < 1200; clock++) {
    for (const want of wants) {
      const stamp = cookies.timestamp(clock, want, 9);
      assertEquals(stamp <= clock && stamp > clock - 128, true);
      const bits = cookies.bitsOf(stamp) & ~(Bit.TIMESTAMPS | Bit.ECN_CAPABLE);
      assertEquals([bits, cookies.scaleOf(stamp)], [want, (want & Bit.SCALING) === 0 ? 0 : 9]);
    }
  }
});
