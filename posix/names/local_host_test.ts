import { assert, assertEquals } from "@std/assert";
import { openLibcNames } from "../../tests/support/libc_names.ts";
import { runProgram } from "../../tests/support/programs.ts";
import { AF_INET, AF_INET6 } from "../constants/sockets.ts";
import { inet_pton } from "./inet.ts";
import { systemHost } from "./local_host.ts";
import { systemServices } from "./services.ts";

const libc = openLibcNames();

Deno.test("the machine tells its name and its services", () => {
  const host = systemHost();
  assertEquals(host.hostName(), Deno.hostname());
  assert(host.services === systemServices());
});

Deno.test("interfaces have the indexes that libc gives them, and back", () => {
  const host = systemHost();
  for (const name of new Set(Deno.networkInterfaces().map(({ name }) => name))) {
    const index = libc.if_nametoindex(name);
    assertEquals(host.interfaceIndex(name), index, name);
    assertEquals(host.interfaceName(index), name);
  }
  for (const name of ["", ".", "..", "nothing", "../lo", "lo/"]) {
    assertEquals(host.interfaceIndex(name), 0, name);
  }
  assertEquals(host.interfaceName(0), null);
  assertEquals(host.interfaceName(999_999), null);
});

Deno.test("families and networks are those of the interfaces", () => {
  const host = systemHost();
  const all = Deno.networkInterfaces();
  const { ipv4, ipv6 } = host.configuredFamilies()!;
  assertEquals(ipv4, all.some((own) => own.family === "IPv4" && own.address !== "127.0.0.1"));
  assertEquals(ipv6, all.some((own) => own.family === "IPv6" && own.address !== "::1"));
  for (const { family, address, cidr } of all) {
    const bytes = inet_pton(family === "IPv4" ? AF_INET : AF_INET6, address)!;
    assertEquals(host.prefixBits(bytes), Number(cidr.split("/")[1]), address);
  }
  assertEquals(host.prefixBits(new Uint8Array([192, 0, 2, 254])), undefined);
});

Deno.test("what was not granted is not known, and nobody is asked", async () => {
  const { stdout } = await runProgram(
    `
      import { systemHost } from "ROOT/posix/names/local_host.ts";
      const host = systemHost();
      console.log(JSON.stringify([
        host.hostName(),
        host.interfaceIndex("lo"),
        host.interfaceName(1),
        host.configuredFamilies(),
        host.prefixBits(new Uint8Array([127, 0, 0, 1])) ?? null,
        host.services.portOf("http", "tcp"),
      ]));
    `,
    { flags: ["--no-prompt"] },
  );
  assertEquals(JSON.parse(stdout), [null, 0, null, null, null, 80]);
});
