import { assertEquals } from "@std/assert";
import { Script } from "../../tests/support/stack/tcp/script.ts";
import { State } from "./states.ts";

const SECOND = 1_000_000;
const TCP = 6;
const USER_TIMEOUT = 18;
const settings = { userTimeoutOption: true };

function milliseconds(value: number): Uint8Array {
  return Uint8Array.of(value, value >> 8, value >> 16, value >> 24);
}

// covers RFC 5482 3 MUST
// covers RFC 5482 3.1 MUST
Deno.test("a timeout that a program chose is told with the SYN, in seconds or minutes", () => {
  for (const [timeout, told] of [[1500, 2], [40_000_000, 0x8000 | 667]]) {
    const script = new Script({ settings });
    script.connect((socket) => {
      socket.setOption(TCP, USER_TIMEOUT, milliseconds(timeout));
    });
    script.expectSyn(`S seq 0 uto ${told}`);
  }
  const silent = new Script();
  silent.connect((socket) => {
    socket.setOption(TCP, USER_TIMEOUT, milliseconds(5000));
  });
  silent.expectSyn("S seq 0 no uto");
});

Deno.test("a listener tells that of its connections", () => {
  const script = new Script({ settings });
  script.listen().setOption(TCP, USER_TIMEOUT, milliseconds(5000));
  script.inject("S seq 0 win 1000");
  script.expect("S. seq 0 uto 5");
});

// covers RFC 5482 3.1 MUST
Deno.test("the other end's timeout is taken over within limits, if the program chose none", () => {
  const lives = (options: string, later = "", chosen = 0): number => {
    const { script, socket } = Script.established({ settings, options: `mss 1460 ${options}` });
    if (chosen > 0) socket.setOption(TCP, USER_TIMEOUT, milliseconds(chosen));
    if (later !== "") script.inject(`. seq 1 ack 1 win 1000 ${later}`);
    script.host.write(socket, "x");
    let seconds = 0;
    for (; socket.state === State.ESTABLISHED && seconds < 5000; seconds++) script.run(SECOND);
    return seconds;
  };
  const isAbout = (seconds: number, expected: number) =>
    assertEquals(Math.abs(seconds - expected) < 5, true, `${seconds} seconds`);
  isAbout(lives("uto 300"), 300);
  isAbout(lives("", "uto 300"), 300);
  // No less than 100 seconds, and no more than an hour.
  isAbout(lives("uto 3"), 100);
  isAbout(lives("", "uto 33000"), 3600);
  isAbout(lives("uto 300", "", 20_000), 20);
  assertEquals(lives("uto 0") > 300, true);
});
