import { assertEquals, assertMatch } from "@std/assert";
import { LinePeer } from "./fixtures.ts";
import { runProgram } from "../interop/programs.ts";
import { kernelRefusal } from "../support/kernel.ts";
import { skipUnless } from "../support/skip.ts";
import { ROOT } from "../../tools/files.ts";

const REFUSAL = kernelRefusal();
const FILE = new URL("examples/unix_fd_passing.ts", ROOT).href;
const FLAGS = ["run", "--no-prompt", "--no-config", "--allow-net", "--allow-ffi", FILE];

const options = skipUnless(
  "examples/unix_fd_passing.ts opens connections for others, where its rules allow",
  REFUSAL === undefined,
  REFUSAL ?? "",
);

Deno.test(options, async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/socket`;
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const answering = (async () => {
    using conn = await listener.accept();
    const into = new Uint8Array(65_536);
    let bytes = 0;
    for (let count = await conn.read(into); count !== null; count = await conn.read(into)) {
      bytes += count;
    }
    await conn.write(new TextEncoder().encode(`${bytes} bytes`));
  })();
  try {
    await using server = LinePeer.start([
      Deno.execPath(),
      ...FLAGS,
      "serve",
      path,
      `tcp://127.0.0.1:${port}`,
    ]);
    assertEquals(await server.line(), `opening connections on unix:${path}`);
    assertEquals((await Deno.lstat(path)).mode! & 0o777, 0o600);
    const dial = (address: string, input: string) =>
      runProgram(
        Deno.execPath(),
        [...FLAGS, "dial", address, path],
        new TextEncoder().encode(input),
      );
    assertEquals(await dial(`127.0.0.1:${port}`, "x".repeat(1_000_000)), "1000000 bytes");
    assertMatch(
      await server.line(),
      new RegExp(`^process \\d+ is connected to 127.0.0.1:${port}$`),
    );
    await answering;
    const refused = await dial("127.0.0.1:1", "").catch(String);
    assertMatch(refused, /does not grant "connect" for 127\.0\.0\.1:1\n/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
