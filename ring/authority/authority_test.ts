import { assert, assertEquals, assertFalse, assertStringIncludes, assertThrows } from "@std/assert";
import { type Random, scale, withSeed } from "../../tests/support/seed.ts";
import { SocketAddress } from "../abi/address.ts";
import {
  Authority,
  AuthorityDenied,
  type Denial,
  isDenial,
  LAYERS_MAX,
  type NetworkRights,
  type Rule,
  type Verb,
} from "./mod.ts";

/** An authority over TCP with the rules given for one verb. */
function tcp(verb: Verb, ...rules: Rule[]): Authority {
  return Authority.root({ tcp: true, [verb]: rules });
}

function allows(authority: Authority, verb: Verb, address: string): boolean {
  return authority.check("tcp", verb, SocketAddress.parse(address)) === null;
}

/** Whether a connect by name may use an address; false too when the name itself is denied. */
function leadsTo(authority: Authority, name: string, address: string): boolean {
  const target = SocketAddress.parse(address);
  const admission = authority.admitName("tcp", "connect", name, target.port);
  return !isDenial(admission) && admission.allows(target);
}

Deno.test("Authority.root() without rights has everything but raw, ring, adopt and files", () => {
  const root = Authority.root();
  for (const address of ["1.2.3.4:5", "127.0.0.1:80", "[::1]:1", "0.0.0.0:0", "224.0.0.1:5353"]) {
    for (const transport of ["tcp", "udp"] as const) {
      for (const verb of ["connect", "listen"] as const) {
        assertEquals(root.check(transport, verb, SocketAddress.parse(address)), null);
      }
    }
  }
  assertEquals(root.check("unix", "connect", SocketAddress.parse("unix:/x")), null);
  assertEquals(root.checkResolve("example.com"), null);
  assert(leadsTo(root, "example.com", "127.0.0.1:80"));
  for (const right of ["raw", "ring", "adopt"] as const) {
    assertEquals(root.has(right), { right, address: "", layer: 0 });
  }
  assertEquals(root.has("tcp"), null);
  const ping = root.check("raw", "connect", SocketAddress.parse("1.2.3.4:0"));
  assertEquals(ping, { right: "raw", address: "1.2.3.4:0", layer: 0 });
  assertEquals(root.checkFile("/etc/passwd")?.right, "files");
  assertEquals(root.limits, {});
});

Deno.test("Authority.root({}) has nothing", () => {
  const none = Authority.root({});
  for (const transport of ["tcp", "udp", "raw"] as const) {
    const denial = none.check(transport, "connect", SocketAddress.parse("1.2.3.4:5"));
    assertEquals(denial, { right: transport, address: "1.2.3.4:5", layer: 0 });
  }
  assertEquals(none.checkResolve("a.b")?.right, "resolve");
});

Deno.test("a TCP connect needs both the right tcp and the right connect", () => {
  const address = SocketAddress.parse("10.0.0.1:80");
  const rights: [NetworkRights, string | undefined][] = [
    [{}, "tcp"],
    [{ connect: true }, "tcp"],
    [{ udp: true, connect: true }, "tcp"],
    [{ tcp: true }, "connect"],
    [{ tcp: true, listen: true }, "connect"],
    [{ tcp: true, connect: ["udp://*:*"] }, "connect"],
    [{ tcp: true, connect: true }, undefined],
    [{ tcp: true, connect: ["tcp://*:*"] }, undefined],
  ];
  for (const [asked, right] of rights) {
    const denial = Authority.root(asked).check("tcp", "connect", address);
    assertEquals(denial?.right, right, JSON.stringify(asked));
  }
});

Deno.test("an address of another family cannot slip past the right of its own", () => {
  const authority = Authority.root({ tcp: true, udp: true, connect: true, listen: true });
  const unix = SocketAddress.parse("unix:/run/x");
  for (const transport of ["tcp", "udp", "raw", "unix"] as const) {
    assertEquals(authority.check(transport, "connect", unix)?.right, transport);
  }
  const onlyUnix = Authority.root({ unix: true, connect: true });
  assertEquals(onlyUnix.check("unix", "connect", unix), null);
  assertEquals(onlyUnix.check("unix", "connect", SocketAddress.parse("1.2.3.4:5"))?.right, "unix");
});

/** Every way to write an address that Linux connects to loopback. */
const TO_LOOPBACK = [
  "127.0.0.1",
  "127.1",
  "127.0.1",
  "2130706433",
  "017700000001",
  "0x7f000001",
  "0x7f.1",
  "0177.0.0.1",
  "0.0.0.0",
  "0",
  "0x0",
  "00.0",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "[0:0:0:0:0:FFFF:127.0.0.1]",
  "[::ffff:0.0.0.0]",
  "[::ffff:0:0]",
];

Deno.test("no spelling of loopback slips past a rule for public addresses", () => {
  const outside = tcp("connect", "tcp://1.0.0.0/8:*", "tcp://[2000::/3]:*", "tcp://0.0.0.0/8:*");
  const inside = tcp("connect", "tcp://127.0.0.1:*");
  for (const host of TO_LOOPBACK) {
    assertFalse(allows(outside, "connect", `${host}:80`), host);
    assert(allows(inside, "connect", `${host}:80`), host);
    const denial = outside.check("tcp", "connect", SocketAddress.parse(`${host}:80`));
    assertEquals(denial, { right: "connect", address: "127.0.0.1:80", layer: 0 }, host);
  }
  const inside6 = tcp("connect", "tcp://[::1]:*");
  for (const host of ["[::1]", "[::]", "[0::0]", "[::0.0.0.1]", "[::%eth0]"]) {
    assert(allows(inside6, "connect", `${host}:80`), host);
    assertFalse(allows(inside, "connect", `${host}:80`), host);
    assertFalse(allows(outside, "connect", `${host}:80`), host);
  }
});

Deno.test("listening on every interface needs a rule that holds 0.0.0.0 itself", () => {
  for (const host of ["0.0.0.0", "0", "0x0.0", "[::ffff:0.0.0.0]"]) {
    const address = `${host}:80`;
    const no = ["127.0.0.1", "127.0.0.0/8", "10.0.0.0/8", "128.0.0.0/1", "[::/0]", "[::]"];
    for (const rule of no) {
      assertFalse(allows(tcp("listen", `tcp://${rule}:80`), "listen", address));
    }
    const yes = ["0.0.0.0", "0.0.0.0/0", "0.0.0.0/1", "*", "[::ffff:0:0]"];
    for (const rule of yes) {
      assert(allows(tcp("listen", `tcp://${rule}:80`), "listen", address), `${rule} ${address}`);
    }
  }
  for (const rule of ["[::1]", "[2000::/3]", "0.0.0.0/0", "0.0.0.0"]) {
    assertFalse(allows(tcp("listen", `tcp://${rule}:80`), "listen", "[::]:80"), rule);
  }
  for (const rule of ["[::]", "[::/0]", "*"]) {
    assert(allows(tcp("listen", `tcp://${rule}:80`), "listen", "[::]:80"), rule);
  }
});

Deno.test("port 0 is a port like any other: a range that starts at 1 does not hold it", () => {
  assert(allows(tcp("listen", "tcp://127.0.0.1:*"), "listen", "127.0.0.1:0"));
  assert(allows(tcp("listen", "tcp://127.0.0.1:0"), "listen", "127.0.0.1:0"));
  assertFalse(allows(tcp("listen", "tcp://127.0.0.1:1-65535"), "listen", "127.0.0.1:0"));
});

/** Addresses that no name may lead to just because it is called what a rule says. */
const NOT_PUBLIC = [
  ...TO_LOOPBACK,
  ...["10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1"],
  ...["255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1", "[::1]", "[::]", "[fe80::1%2]"],
  ...["[fc00::1]", "[ff02::1]", "[64:ff9b::10.0.0.1]", "[2002:a00:1::1]", "[::10.0.0.1]"],
  ...["[::ffff:10.0.0.1]", "[::ffff:169.254.169.254]", "[2001:db8::1]", "[fec0::1]"],
];

Deno.test("a name rule leads to public addresses only, wherever DNS points the name", () => {
  const authority = tcp("connect", "tcp://*.example.com:443", "tcp://api.example.org:443");
  for (const name of ["a.example.com", "A.B.EXAMPLE.com.", "api.example.org"]) {
    for (const host of ["8.8.8.8", "[2606:4700::1111]", "[::ffff:8.8.8.8]", "[64:ff9b::808:808]"]) {
      assert(leadsTo(authority, name, `${host}:443`), `${name} ${host}`);
    }
    for (const host of NOT_PUBLIC) {
      assertFalse(leadsTo(authority, name, `${host}:443`), `${name} ${host}`);
    }
    assertFalse(leadsTo(authority, name, "8.8.8.8:80"), name);
  }
  for (const name of ["example.com", "example.org", "x.api.example.org", "badexample.com"]) {
    assertFalse(leadsTo(authority, name, "8.8.8.8:443"), name);
  }
});

Deno.test("a name rule and a network rule together lead into the network", () => {
  const authority = tcp("connect", "tcp://db.example.com:5432", "tcp://10.0.0.0/8:5432");
  assert(leadsTo(authority, "db.example.com", "10.0.0.1:5432"));
  assert(leadsTo(authority, "db.example.com", "8.8.8.8:5432"));
  assertFalse(leadsTo(authority, "db.example.com", "192.168.0.1:5432"));
  // The network rule counts for its own ports only.
  const other = tcp("connect", "tcp://db.example.com:5432", "tcp://10.0.0.0/8:80");
  assertFalse(leadsTo(other, "db.example.com", "10.0.0.1:5432"));
});

Deno.test("the admission of a name is good for its own port, and for no bare address", () => {
  const authority = tcp("connect", "tcp://a.example.com:*");
  const admission = authority.admitName("tcp", "connect", "A.Example.com.", 443);
  assert(!isDenial(admission));
  assertEquals([admission.name, admission.port], ["a.example.com", 443]);
  assertEquals([admission.transport, admission.verb], ["tcp", "connect"]);
  assert(admission.allows(SocketAddress.parse("8.8.8.8:443")));
  assertFalse(admission.allows(SocketAddress.parse("8.8.8.8:444")));
  assertFalse(admission.allows(SocketAddress.parse("unix:/run/x")));
  assertFalse(allows(authority, "connect", "8.8.8.8:443"));
  const denial = admission.check(SocketAddress.parse("0.0.0.0:443"));
  assertEquals(denial, { right: "connect", address: "127.0.0.1:443", layer: 0 });
  assertEquals(admission.check(SocketAddress.parse("8.8.8.8:443")), null);
});

Deno.test("a name that no rule names may be resolved only with the right resolve", () => {
  const rules = ["tcp://10.0.0.0/8:80"];
  const without = Authority.root({ tcp: true, connect: rules });
  const denial = without.admitName("tcp", "connect", "db.internal", 80);
  assertEquals(denial, { right: "resolve", address: "db.internal", layer: 0 });
  const authority = Authority.root({ tcp: true, connect: rules, resolve: ["*.internal"] });
  assert(leadsTo(authority, "db.internal", "10.0.0.1:80"));
  assertFalse(leadsTo(authority, "db.internal", "8.8.8.8:80"));
  assertFalse(leadsTo(authority, "db.external", "10.0.0.1:80"));
  // No rule could admit any address at that port, so there is nothing to ask DNS for.
  const port = authority.admitName("tcp", "connect", "db.internal", 81);
  assertEquals(port, { right: "connect", address: "db.internal:81", layer: 0 });
  const udp = authority.admitName("udp", "connect", "db.internal", 80);
  assertEquals(udp, { right: "udp", address: "db.internal:80", layer: 0 });
});

Deno.test("tcp://*:* and connect: true admit every name and wherever it leads", () => {
  for (const connect of [true, ["tcp://*:*"], ["tcp://*:80"]]) {
    const authority = Authority.root({ tcp: true, connect });
    for (const host of [...NOT_PUBLIC, "8.8.8.8"]) {
      assert(leadsTo(authority, "anything.example", `${host}:80`), host);
      assert(leadsTo(authority, "localhost", `${host}:80`), host);
    }
  }
});

Deno.test("localhost in a rule leads to loopback and nowhere else", () => {
  for (const name of ["localhost", "db.localhost"]) {
    for (
      const authority of [
        tcp("connect", `tcp://${name}:80`),
        tcp("connect", "tcp://*.localhost:80", "tcp://localhost:80"),
      ]
    ) {
      for (const host of ["127.0.0.1", "127.5.5.5", "[::1]", "[::ffff:127.0.0.1]"]) {
        assert(leadsTo(authority, name, `${host}:80`), host);
      }
      for (const host of ["8.8.8.8", "10.0.0.1", "[2606:4700::1111]", "169.254.169.254"]) {
        assertFalse(leadsTo(authority, name, `${host}:80`), host);
      }
    }
  }
  // A rule for the address is no rule for the name, as in Deno's own --allow-net.
  assertFalse(leadsTo(tcp("connect", "tcp://127.0.0.1:80"), "localhost", "127.0.0.1:80"));
  const listen = tcp("listen", "tcp://localhost:80").admitName("tcp", "listen", "localhost", 80);
  assert(!isDenial(listen) && listen.allows(SocketAddress.parse("127.0.0.1:80")));
  assertFalse(listen.allows(SocketAddress.parse("0.0.0.0:80")));
});

Deno.test("admitName() refuses addresses, malformed names and ports", () => {
  const root = Authority.root();
  for (const name of ["127.0.0.1", "127.1", "0x7f.1", "::1", "", "a b", "a..b"]) {
    assertThrows(() => root.admitName("tcp", "connect", name, 80), TypeError, undefined, name);
    assertThrows(() => root.checkResolve(name), TypeError, undefined, name);
  }
  for (const port of [-1, 65536, 0.5, NaN]) {
    assertThrows(() => root.admitName("tcp", "connect", "a.b", port), RangeError);
  }
});

Deno.test("derive() adds a layer that must allow too, and names the one that denies", () => {
  const root = Authority.root();
  const child = root.derive({
    tcp: true,
    connect: ["tcp://10.0.0.0/8:*"],
    resolve: ["*.internal"],
  });
  const grandchild = child.derive({ tcp: true, connect: ["tcp://10.1.0.0/16:80"] });
  assert(allows(grandchild, "connect", "10.1.0.1:80"));
  const check = (address: string): Denial | null =>
    grandchild.check("tcp", "connect", SocketAddress.parse(address));
  assertEquals(check("10.2.0.1:80"), { right: "connect", address: "10.2.0.1:80", layer: 2 });
  assertEquals(check("8.8.8.8:80"), { right: "connect", address: "8.8.8.8:80", layer: 1 });
  assertEquals(grandchild.checkResolve("db.internal")?.layer, 2);
  assertEquals(child.checkResolve("db.internal"), null);
  // The parent is as it was.
  assertEquals(root.check("udp", "listen", SocketAddress.parse("0.0.0.0:1")), null);
  assertEquals(grandchild.rights.connect, ["tcp://10.1.0.0/16:80"]);
  assert(Object.isFrozen(grandchild.rights) && Object.isFrozen(grandchild));
});

Deno.test("derive() throws AuthorityDenied when it is asked for more than the parent has", () => {
  const parent = Authority.root().derive({ tcp: true, connect: ["tcp://*.example.com:443"] });
  const table: [NetworkRights, string, string, number][] = [
    [{ udp: true }, "udp", "", 1],
    [{ raw: true }, "raw", "", 0],
    [{ ring: true }, "ring", "", 0],
    [{ adopt: true }, "adopt", "", 0],
    [{ files: ["file:///x"] }, "files", "/x", 0],
    [{ writableFiles: ["file:///x"] }, "writableFiles", "/x", 0],
    [{ connect: true }, "connect", "*", 1],
    [{ connect: ["tcp://example.com:443"] }, "connect", "tcp://example.com:443", 1],
    [{ connect: ["tcp://8.8.8.8:443"] }, "connect", "tcp://8.8.8.8:443", 1],
    [{ listen: ["tcp://127.0.0.1:0"] }, "listen", "tcp://127.0.0.1:0", 1],
    [{ resolve: ["a.example.com"] }, "resolve", "a.example.com", 1],
  ];
  for (const [rights, right, address, layer] of table) {
    const error = assertThrows(() => parent.derive(rights), AuthorityDenied);
    assertEquals([error.right, error.address, error.layer], [right, address, layer]);
    assertEquals(error.name, "AuthorityDenied");
    assertStringIncludes(error.message, `"${right}"`);
  }
  assertThrows(() => parent.derive({ connect: ["tcp://x"] }), TypeError, "(position 7)");
  assertThrows(() => parent.derive({ conect: true } as NetworkRights), TypeError, '"conect"');
});

Deno.test("the limits of an authority are the smallest of all its layers", () => {
  const root = Authority.root({ tcp: true, limits: { sockets: 10, inFlight: 5 } });
  const child = root.derive({ tcp: true, limits: { sockets: 100, bufferBytes: 7 } });
  assertEquals(child.limits, { sockets: 10, inFlight: 5, bufferBytes: 7 });
  assertEquals(child.rights.limits, child.limits);
  assert(Object.isFrozen(child.limits));
  assertEquals(root.limits, { sockets: 10, inFlight: 5 });
});

Deno.test("an authority has a largest number of layers", () => {
  let authority = Authority.root({ tcp: true });
  for (let layer = 1; layer < LAYERS_MAX; layer++) authority = authority.derive({ tcp: true });
  assertThrows(() => authority.derive({ tcp: true }), RangeError, String(LAYERS_MAX));
});

Deno.test("an authority arrives in another thread as plain data", () => {
  const authority = Authority.root({
    tcp: true,
    connect: ["tcp://0.0.0.0/32:80", "tcp://*.example.com:*", "tcp://[fe80::1%eth0]:1"],
    listen: ["tcp://0.0.0.0:80"],
    files: ["file:///srv/**"],
    limits: { sockets: 4 },
  }).derive({ tcp: true, connect: ["tcp://0.0.0.0:80"], limits: { sockets: 9 } });
  const again = Authority.fromLayers(structuredClone(authority.layers));
  assertEquals(again.layers, authority.layers);
  assertEquals(again.rights, authority.rights);
  assertEquals(again.limits, authority.limits);
  for (const layers of [[], undefined, {}]) {
    assertThrows(() => Authority.fromLayers(layers as unknown as NetworkRights[]), TypeError);
  }
  assertThrows(() => Authority.fromLayers([{ tcp: true }, { udp: true }]), AuthorityDenied);
});

Deno.test("files are sent where every layer has a rule for the resolved path", () => {
  const root = Authority.root({ files: ["file:///srv/**", "file:///etc/motd"] });
  const child = root.derive({ files: ["file:///srv/www/**"] });
  assertEquals(root.checkFile("/srv/a/b"), null);
  assertEquals(root.checkFile("/etc/motd"), null);
  assertEquals(child.checkFile("/srv/www/index.html"), null);
  assertEquals(child.checkFile("/srv/a"), { right: "files", address: "/srv/a", layer: 1 });
  const others = ["/srv", "/srv/www/../a", "srv/www/x", "", "/srv/www/\0", "/srvx/a", "/srv/www"];
  for (const path of others) assertEquals(child.checkFile(path)?.right, "files", path);
});

// ---- Random authorities -------------------------------------------------------------------

const HOSTS = [
  ...["*", "0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "127.0.0.1", "0.0.0.0", "8.8.8.8"],
  ...["[::/0]", "[::1]", "[::]", "[fe80::/10]", "[fe80::1%eth0]", "[::ffff:10.0.0.0/104]"],
  ...["*.example.com", "a.example.com", "*.b.example.com", "localhost", "db.internal"],
];
const PORTS = ["*", "80", "0", "80-90", "81-85", "1-65535"];
const UNIX = ["*", "@*", "@x", "/run/x", "/run/*", "/run/**", "/run/app/*"];
const NAMES = ["*", "*.example.com", "a.example.com", "localhost", "*.internal"];
const FILES = ["/**", "/srv/**", "/srv/*", "/srv/a"];

const TARGET_HOSTS = [
  ...["8.8.8.8", "10.1.2.3", "10.9.9.9", "127.0.0.1", "127.1.1.1", "0.0.0.0", "1.1.1.1"],
  ...["[::]", "[::1]", "[fe80::1]", "[fe80::1%eth0]", "[::ffff:10.1.2.3]", "[::ffff:0.0.0.0]"],
  ...["[2606:4700::1111]", "[64:ff9b::10.0.0.1]"],
];
const TARGET_PORTS = [0, 1, 80, 83, 443];
const TARGET_UNIX = ["unix:/run/x", "unix:/run/app/y", "unix:@x", "unix:@y", "unix:rel"];
const TARGET_NAMES = [
  "a.example.com",
  "x.b.example.com",
  "example.com",
  "localhost",
  "db.internal",
];

function randomRule(random: Random): Rule {
  const scheme = random.pick(["tcp", "tcp", "tcp", "udp", "unix", "raw"]);
  if (scheme === "unix") return `unix://${random.pick(UNIX)}`;
  const host = random.pick(HOSTS);
  return scheme === "raw" ? `raw://${host}` : `${scheme}://${host}:${random.pick(PORTS)}`;
}

function some<T>(random: Random, make: () => T): T[] {
  return Array.from({ length: random.integer(0, 4) }, make);
}

function randomRights(random: Random): NetworkRights {
  const rules = (): boolean | Rule[] =>
    random.chance(0.2) ? random.chance(0.5) : some(random, () => randomRule(random));
  return {
    tcp: random.chance(0.8),
    udp: random.chance(0.4),
    unix: random.chance(0.4),
    raw: random.chance(0.2),
    connect: rules(),
    listen: rules(),
    resolve: random.chance(0.2) || some(random, () => random.pick(NAMES)),
    files: some(random, () => `file://${random.pick(FILES)}`),
  };
}

/** Everything that an authority allows of a fixed list of things to try. */
function everythingAllowed(authority: Authority): Set<string> {
  const allowed = new Set<string>();
  const addresses = TARGET_HOSTS.flatMap((host) =>
    TARGET_PORTS.map((port) => SocketAddress.parse(`${host}:${port}`))
  );
  for (const verb of ["connect", "listen"] as const) {
    for (const text of TARGET_UNIX) {
      const address = SocketAddress.parse(text);
      if (authority.check("unix", verb, address) === null) allowed.add(`unix ${verb} ${text}`);
    }
    for (const transport of ["tcp", "udp", "raw"] as const) {
      for (const address of addresses) {
        const what = `${transport} ${verb} ${address}`;
        if (authority.check(transport, verb, address) === null) allowed.add(what);
        for (const name of TARGET_NAMES) {
          const admission = authority.admitName(transport, verb, name, address.port);
          if (isDenial(admission)) continue;
          allowed.add(`${transport} ${verb} ${name}:${address.port}`);
          if (admission.allows(address)) allowed.add(`${what} as ${name}`);
        }
      }
    }
  }
  for (const name of TARGET_NAMES) {
    if (authority.checkResolve(name) === null) allowed.add(`resolve ${name}`);
  }
  for (const path of ["/srv/a", "/srv/b", "/srv/a/b", "/etc/passwd"]) {
    if (authority.checkFile(path) === null) allowed.add(`file ${path}`);
  }
  return allowed;
}

/** Rights that are often, not always, less than those given. */
function narrower(random: Random, rights: NetworkRights): NetworkRights {
  const list = (value: boolean | readonly Rule[] | undefined): boolean | Rule[] => {
    if (value === true) return random.chance(0.3) || some(random, () => randomRule(random));
    if (!Array.isArray(value)) return false;
    const kept = value.filter(() => random.chance(0.6));
    return random.chance(0.5) ? kept : [...kept, randomRule(random)];
  };
  return {
    tcp: rights.tcp === true && random.chance(0.95),
    udp: rights.udp === true && random.chance(0.9),
    unix: rights.unix === true && random.chance(0.9),
    raw: rights.raw === true && random.chance(0.9),
    connect: list(rights.connect),
    listen: list(rights.listen),
    resolve: Array.isArray(rights.resolve) && random.chance(0.8)
      ? rights.resolve.filter(() => random.chance(0.7))
      : some(random, () => random.pick(NAMES)),
    files: (rights.files ?? []).filter(() => random.chance(0.8)),
  };
}

Deno.test(
  "whatever a derived authority allows, every ancestor allows, even if it forgot its ancestors",
  withSeed((random) => {
    let derived = 0;
    let allowedInAll = 0;
    for (let round = 0; round < scale(300, 20_000); round++) {
      const rights = randomRights(random);
      const parent = Authority.root(rights);
      const asked = narrower(random, rights);
      let child: Authority;
      try {
        child = parent.derive(asked);
      } catch (error) {
        assert(error instanceof AuthorityDenied, `${error}`);
        continue;
      }
      derived++;
      const ofParent = everythingAllowed(parent);
      const ofChild = everythingAllowed(child);
      // The asked rights on their own: this is what derive() decided to be no more than the parent.
      const alone = everythingAllowed(Authority.root(asked));
      const texts = (): string => `${JSON.stringify(rights)} derives ${JSON.stringify(asked)}`;
      for (const what of alone) assert(ofParent.has(what), `${what}: ${texts()}`);
      assertEquals([...ofChild].sort(), [...alone].sort(), texts());
      const again = Authority.fromLayers(structuredClone(child.layers));
      assertEquals([...everythingAllowed(again)].sort(), [...alone].sort(), texts());
      allowedInAll += alone.size;
    }
    assert(derived > 50, `only ${derived} rounds derived anything`);
    assert(allowedInAll > 1000, `only ${allowedInAll} things were allowed in all rounds`);
  }),
);
