import { assert, assertEquals } from "@std/assert";
import { openLibcNames } from "../../tests/support/libc_names.ts";
import { runProgram } from "../../tests/support/programs.ts";
import { skipUnless } from "../../tests/support/skip.ts";
import { parseServices, systemServices, wellKnownServices } from "./services.ts";
import { WELL_KNOWN_SERVICES } from "./well_known_services.ts";

const libc = openLibcNames();

const SERVICES = WELL_KNOWN_SERVICES.trim().split("\n").map((line) => {
  const [name, place, ...aliases] = line.split(" ");
  const [port, protocol] = place.split("/");
  return { name, port: Number(port), protocol, aliases };
});

Deno.test("the well-known services have their ports and names, and the aliases theirs", () => {
  const services = wellKnownServices();
  assert(new Set(SERVICES.map(({ name }) => name)).size >= 60);
  for (const { name, port, protocol, aliases } of SERVICES) {
    assert(port > 0 && port <= 65535);
    for (const text of [name, ...aliases]) assertEquals(services.portOf(text, protocol), port);
    assertEquals(services.nameOf(port, protocol), name);
  }
  assertEquals(services.portOf("www", "tcp"), 80);
  assertEquals(services.nameOf(514, "udp"), "syslog");
  assertEquals(services.nameOf(514, "tcp"), "shell");
});

Deno.test("what no service has is -1 and null", () => {
  const services = wellKnownServices();
  assertEquals(services.portOf("http", "udp"), -1);
  assertEquals(services.portOf("HTTP", "tcp"), -1);
  assertEquals(services.portOf("", "tcp"), -1);
  assertEquals(services.portOf("nothing", "tcp"), -1);
  assertEquals(services.nameOf(0, "tcp"), null);
  assertEquals(services.nameOf(80, "raw"), null);
});

Deno.test("of two lines the first counts, and what is no line is passed over", () => {
  const services = parseServices([
    "# a comment",
    "",
    "one\t1/tcp\tuno  eins # and its aliases",
    "two 1/tcp",
    "one 3/tcp",
    "one 4/udp",
    "broken",
    "broken 5",
    "broken x/tcp",
    "broken 70000/tcp",
    "  indented 6/tcp",
  ].join("\n"));
  assertEquals(services.portOf("one", "tcp"), 1);
  assertEquals(services.portOf("eins", "tcp"), 1);
  assertEquals(services.portOf("and", "tcp"), -1);
  assertEquals(services.portOf("two", "tcp"), 1);
  assertEquals(services.portOf("one", "udp"), 4);
  assertEquals(services.portOf("broken", "tcp"), -1);
  assertEquals(services.portOf("indented", "tcp"), 6);
  assertEquals(services.nameOf(1, "tcp"), "one");
});

Deno.test("without a grant the well-known services answer, and nobody is asked", async () => {
  const { stdout } = await runProgram(
    `
      import { systemServices, wellKnownServices } from "ROOT/posix/names/services.ts";
      const services = systemServices();
      console.log(services === wellKnownServices(), services.portOf("http", "tcp"));
    `,
    { flags: ["--no-prompt"] },
  );
  assertEquals(stdout.trim(), "true 80");
});

Deno.test(
  skipUnless("this machine's table is read as libc reads it", hasTable(), "needs /etc/services"),
  () => {
    const services = systemServices();
    const ports = new Set(SERVICES.map(({ port }) => port));
    for (let port = 0; port < 600; port++) ports.add(port);
    for (const protocol of ["tcp", "udp", "sctp", "nothing"]) {
      for (const port of ports) {
        const name = libc.getservbyport(port, protocol);
        assertEquals(services.nameOf(port, protocol), name, `${port}/${protocol}`);
        if (name === null) continue;
        assertEquals(services.portOf(name, protocol), libc.getservbyname(name, protocol), name);
      }
      for (const { name, aliases } of SERVICES) {
        for (const text of [name, ...aliases]) {
          assertEquals(services.portOf(text, protocol), libc.getservbyname(text, protocol), text);
        }
      }
    }
  },
);

function hasTable(): boolean {
  try {
    return Deno.statSync("/etc/services").isFile;
  } catch {
    return false;
  }
}
