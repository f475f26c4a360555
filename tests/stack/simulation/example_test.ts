import { assert, assertEquals, assertMatch } from "@std/assert";
import { ROOT } from "../../../tools/files.ts";
import { readCapture } from "../../../stack/capture/mod.ts";

/** Runs examples/simulate.ts in a folder. @returns what it prints */
async function simulate(folder: string, ...flags: string[]): Promise<string> {
  const example = new URL("examples/simulate.ts", ROOT).href;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-config", ...flags, example, "--seed", "3"],
    cwd: folder,
  }).output();
  const text = new TextDecoder();
  assertEquals(code, 0, text.decode(stderr));
  return text.decode(stdout);
}

Deno.test("examples/simulate.ts transfers a file, repeats itself, and captures what happened", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const first = await simulate(folder, "--allow-write=transfer.pcapng");
    assertMatch(first, /^seed 3, 1\.0 % loss\n2000000 bytes in \d+\.\d ms of virtual time\n/);
    assertMatch(first, /goodput \d+\.\d\d Mbit\/s, right bytes: true/);
    const { packets, comments } = readCapture(await Deno.readFile(`${folder}/transfer.pcapng`));
    assertEquals(comments, ["seed 3"]);
    assert(packets.length > 4000);
    assert(packets.some(({ comments }) => comments.includes("lost on the wire")));
    // Without any permission, too.
    const [second] = /hash of all frames \w+/.exec(await simulate(folder))!;
    assert(first.includes(second), `${first} ${second}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
