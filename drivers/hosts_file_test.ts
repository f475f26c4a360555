import { assertEquals } from "@std/assert";
import { canonicalInHosts, readHostsFile } from "./hosts_file.ts";

const TABLE = `
# 10.0.0.9 commented
127.0.0.1 localhost
::1 localhost ip6-localhost # loopback
10.0.0.1\tserver.example.com\tserver  Alias
10.0.0.2 other.example.com server
fe80::1%eth0 link.example.com link
nonsense broken.example.com broken
10.0.0.3
`;

Deno.test("the canonical name is the first one of the first line that lists a name", () => {
  assertEquals(canonicalInHosts(TABLE, "server", 0), "server.example.com");
  assertEquals(canonicalInHosts(TABLE, "ALIAS", 4), "server.example.com");
  assertEquals(canonicalInHosts(TABLE, "server.EXAMPLE.com", 0), "server.example.com");
  assertEquals(canonicalInHosts(TABLE, "link", 6), "link.example.com");
});

Deno.test("only lines of the family count", () => {
  assertEquals(canonicalInHosts(TABLE, "ip6-localhost", 0), "localhost");
  assertEquals(canonicalInHosts(TABLE, "ip6-localhost", 6), "localhost");
  assertEquals(canonicalInHosts(TABLE, "ip6-localhost", 4), null);
  assertEquals(canonicalInHosts(TABLE, "server", 6), null);
});

Deno.test("what no line lists has no canonical name there", () => {
  for (const name of ["", "nobody", "commented", "broken", "loopback", "10.0.0.1"]) {
    assertEquals(canonicalInHosts(TABLE, name, 0), null, name);
  }
});

Deno.test("the hosts file is read where that is granted", async () => {
  const text = await readHostsFile();
  if (text !== null) assertEquals(text, await Deno.readTextFile("/etc/hosts"));
});
