import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  allDescriptors,
  codeOf,
  connectUnix,
  LinePeer,
  PYTHON,
  RIGHTS,
  textOf,
  unixTest,
  utf8,
} from "./fixtures.ts";
import {
  NetError,
  type NetworkCapability,
  OwnedFd,
  TcpEndpoint,
  TcpStream,
  UdpEndpoint,
  UnixDatagramEndpoint,
  UnixEndpoint,
  UnixStream,
} from "../../mod.ts";

/** Makes sockets of every kind, sends them one by one, and talks to them in the end. */
const MAKER = `import socket,sys,os
c = socket.socket(socket.AF_UNIX)
c.connect(sys.argv[1])
folder = sys.argv[2]
made = {}
def make(name, s, nonblocking=False):
  if nonblocking: s.setblocking(False)
  made[name] = s
  socket.send_fds(c, [name.encode()], [s.fileno()])
  c.recv(1)
tcp = socket.create_server(("127.0.0.1", 0))
make("tcp listener", tcp, True)
client = socket.create_connection(tcp.getsockname())
make("tcp connection", client, True)
unix = socket.socket(socket.AF_UNIX); unix.bind(folder + "/python"); unix.listen()
make("unix listener", unix, True)
packets = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
packets.bind(folder + "/packets"); packets.listen()
make("seqpacket listener", packets)
a, b = socket.socketpair()
make("unix connection", a, True)
p, q = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
make("seqpacket connection", p)
make("udp socket", socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
make("unix datagram socket", socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
make("fresh tcp socket", socket.socket())
make("netlink socket", socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0))
sys.stdin.read()`;

const KINDS: Record<string, string> = {
  "tcp listener": "a listening TCP socket",
  "tcp connection": "a TCP connection",
  "unix listener": "a listening Unix stream socket",
  "seqpacket listener": "a listening Unix seqpacket socket",
  "unix connection": "a Unix stream connection",
  "seqpacket connection": "a Unix seqpacket connection",
  "udp socket": "a UDP socket",
  "unix datagram socket": "a Unix datagram socket",
  "fresh tcp socket": "a TCP socket that neither listens nor is connected",
  "netlink socket": "a family 16, type 3, protocol 0 socket",
};

type Adopt = (fd: OwnedFd | number, capability: NetworkCapability) => Promise<
  TcpEndpoint | TcpStream | UnixEndpoint | UnixStream | UdpEndpoint | UnixDatagramEndpoint
>;

const ADOPTS: readonly [string, readonly string[], Adopt][] = [
  ["a listening TCP socket", ["tcp listener"], (fd, c) => TcpEndpoint.adopt(fd, c)],
  ["a TCP connection", ["tcp connection"], (fd, c) => TcpStream.adopt(fd, c)],
  [
    "a listening Unix socket",
    ["unix listener", "seqpacket listener"],
    (fd, c) => UnixEndpoint.adopt(fd, c),
  ],
  [
    "a Unix connection",
    ["unix connection", "seqpacket connection"],
    (fd, c) => UnixStream.adopt(fd, c),
  ],
  ["a UDP socket", ["udp socket"], (fd, c) => UdpEndpoint.adopt(fd, c)],
  [
    "a Unix datagram socket",
    ["unix datagram socket"],
    (fd, c) => UnixDatagramEndpoint.adopt(fd, c),
  ],
];

unixTest(
  "adopt() takes what it says it takes, and names what else a descriptor is",
  async (site) => {
    const { capability, folder, path } = site;
    await using endpoint = await UnixEndpoint.create(`unix:${path}`, capability);
    await using peer = LinePeer.python(MAKER, path, folder);
    await using carrier = await endpoint.accept();
    const adopted: string[] = [];
    for (const name of Object.keys(KINDS)) {
      const { lease, fds: [fd] } = (await carrier.receiveFds())!;
      assertEquals(textOf(lease.bytes), name);
      lease.release();
      for (const [wanted, names, adopt] of ADOPTS) {
        if (names.includes(name)) {
          await using _adopted = await adopt(fd, capability);
          assertEquals(fd.isOpen, false);
          adopted.push(name);
          break;
        }
        const error = await assertRejects(() => adopt(fd, capability), Error);
        assert(error instanceof NetError && error.code === "EINVAL", error.message);
        const said = `descriptor ${fd.fd} is ${KINDS[name]}, not ${wanted}`;
        assertEquals(error.message, `adopt: EINVAL: ${said}`);
        assertEquals(fd.isOpen, true, "it stays the caller's");
      }
      await fd.close();
      await carrier.send(utf8("x"));
    }
    assertEquals(adopted.length, 8);
    assert(peer.pid > 0);
  },
  PYTHON,
);

unixTest("an adopted TCP listener and an adopted connection work as others do", async (site) => {
  const { capability, path } = site;
  // Non-blocking, as a service manager or an event loop leaves them.
  const source = `import socket,sys,os
c = socket.socket(socket.AF_UNIX)
c.connect(sys.argv[1])
tcp = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(tcp.getsockname())
for s in [tcp, client]: s.setblocking(False)
socket.send_fds(c, [b"x"], [tcp.fileno(), client.fileno()])
client.close()
tcp.close()
c.recv(1)`;
  await using endpoint = await UnixEndpoint.create(`unix:${path}`, capability);
  await using _peer = LinePeer.python(source, path);
  await using carrier = await endpoint.accept();
  const { lease, fds } = (await carrier.receiveFds())!;
  lease.release();
  await using tcp = await TcpEndpoint.adopt(fds[0], capability, { maxConnections: 10 });
  await using client = await TcpStream.adopt(fds[1], capability, { leasesPerStream: 2 });
  await using server = await tcp.accept();
  assertEquals(client.remoteAddr, tcp.addr);
  assertEquals(client.localAddr, server.remoteAddr);
  // Nothing is there yet: the receive has to wait.
  const receiving = client.receive();
  await server.send(utf8("over adopted sockets"));
  using received = await receiving;
  assertEquals(textOf(received!.bytes), "over adopted sockets");
  const accepting = tcp.accept();
  using conn = await Deno.connect({ port: tcp.addr.port });
  await using another = await accepting;
  assertEquals(another.remoteAddr.port, conn.localAddr.port);
  assertEquals(capability.stats().sockets, 6);
}, PYTHON);

unixTest("adopted sockets of datagrams work as others do, connected ones too", async (site) => {
  const { capability, path, folder } = site;
  const source = `import socket,sys
c = socket.socket(socket.AF_UNIX)
c.connect(sys.argv[1])
bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); bound.bind(("127.0.0.1", 0))
other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); other.bind(("127.0.0.1", 0))
other.connect(bound.getsockname())
unix = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); unix.bind(sys.argv[2] + "/datagrams")
for s in [bound, other, unix]: s.setblocking(False)
socket.send_fds(c, [b"x"], [bound.fileno(), other.fileno(), unix.fileno()])
c.recv(1)`;
  await using endpoint = await UnixEndpoint.create(`unix:${path}`, capability);
  await using _peer = LinePeer.python(source, path, folder);
  await using carrier = await endpoint.accept();
  const { lease, fds } = (await carrier.receiveFds())!;
  lease.release();
  const options = { receiveTimeToLive: true, leasesPerEndpoint: 4 };
  await using bound = await UdpEndpoint.adopt(fds[0], capability, options);
  await using connected = await UdpEndpoint.adopt(fds[1], capability);
  await using unix = await UnixDatagramEndpoint.adopt(fds[2], capability);
  assertEquals(connected.remoteName, bound.localName);
  await connected.send(utf8("to where it is connected"));
  using received = await bound.receive();
  assertEquals(textOf(received.bytes), "to where it is connected");
  assertEquals([received.remoteName, received.timeToLive], [connected.localName, 64]);
  await using sender = await UnixDatagramEndpoint.bind("unix:", capability);
  await sender.send(utf8("local"), unix.addr);
  using local = await unix.receive();
  assertEquals(textOf(local.bytes), "local");
}, PYTHON);

unixTest("an adopted Unix listener leaves its file in place", async (site) => {
  const { capability, path } = site;
  const options = { type: "seqpacket", removeAtClose: false } as const;
  const made = await UnixEndpoint.create(`unix:${path}`, capability, options);
  const number = await duplicate(site, made.fd);
  await made[Symbol.asyncDispose]();
  const adopted = await UnixEndpoint.adopt(number, capability);
  assertEquals([adopted.type, adopted.removeAtClose], ["seqpacket", false]);
  assertEquals(adopted.addr, { transport: "unix", path });
  await using client = await UnixStream.connect(`unix:${path}`, capability, { type: "seqpacket" });
  await using server = await adopted.accept();
  await client.send(utf8("a"));
  await client.send(utf8("b"));
  using lease = await server.receive();
  assertEquals(lease!.length, 1);
  await adopted[Symbol.asyncDispose]();
  await Deno.lstat(path);
});

/** A duplicate of a descriptor, by its number. */
async function duplicate(
  { capability, folder, path }: { capability: NetworkCapability; folder: string; path: string },
  fd: number,
): Promise<number> {
  await using pair = await connectUnix({ capability, folder, path: `${path}.carrier` });
  await pair.client.sendFds(utf8("x"), [fd]);
  using received = (await pair.server.receiveFds())!;
  return received.fds[0].release();
}

unixTest("adopt() of what cannot be one is refused, and leaves it alone", async (site) => {
  const { capability } = site;
  await using listener = await TcpEndpoint.create("127.0.0.1:0", capability);
  assertEquals(await codeOf(TcpEndpoint.adopt(999_999, capability)), "EBADF");
  assertEquals(await codeOf(TcpEndpoint.adopt(0, capability)), "ENOTSOCK");
  assertEquals(await codeOf(TcpEndpoint.adopt(listener.fd, capability)), "EBUSY");
  await assertRejects(() => TcpEndpoint.adopt(-1, capability), RangeError, "fd");
  await assertRejects(() => TcpStream.adopt(1.5, capability), RangeError, "fd");
  await assertRejects(() => UnixStream.adopt("3" as never, capability), TypeError, "fd");
  const options = { backlog: 3 } as object;
  await assertRejects(() => TcpEndpoint.adopt(0, capability, options), TypeError, "backlog");
  const stream = { noDelay: true } as object;
  await assertRejects(() => TcpStream.adopt(0, capability, stream), TypeError, "noDelay");
  assertEquals(listener.addr.port > 0, true);
});

unixTest("adopting needs the right, and rules judge the addresses", async (site) => {
  const { capability, path } = site;
  await using listener = await TcpEndpoint.create("127.0.0.1:0", capability);
  await using pair = await connectUnix(site);
  const accepting = listener.accept();
  await using client = await TcpStream.connect(listener.addr, capability);
  await using _server = await accepting;
  const { port } = listener.addr;
  const before = allDescriptors().length;
  const own = await duplicate(site, listener.fd);
  const refuse = async (rights: object, attempt: (c: NetworkCapability) => Promise<unknown>) => {
    const part = capability.derive(rights);
    const error = await assertRejects(() => attempt(part), Deno.errors.NotCapable);
    return (error as { right?: string }).right;
  };
  const adopt = (c: NetworkCapability) => TcpEndpoint.adopt(own, c);
  assertEquals(await refuse({ tcp: true, listen: true }, adopt), "adopt");
  assertEquals(await refuse({ adopt: true, listen: true }, adopt), "tcp");
  assertEquals(await refuse({ tcp: true, adopt: true, connect: true }, adopt), "listen");
  const others = [`tcp://127.0.0.1:${port + 1}`];
  assertEquals(await refuse({ tcp: true, adopt: true, listen: others }, adopt), "listen");
  const rule = [`tcp://127.0.0.1:${port}`];
  const fitting = capability.derive({ tcp: true, adopt: true, listen: rule });
  await using endpoint = await TcpEndpoint.adopt(own, fitting);
  assertEquals(endpoint.addr.port, port);
  assertEquals(allDescriptors().length, before + 1);
  const far = await duplicate(site, client.descriptor);
  const stream = (c: NetworkCapability) => TcpStream.adopt(far, c);
  assertEquals(await refuse({ tcp: true, adopt: true, connect: others }, stream), "listen");
  await using adopted = await TcpStream.adopt(
    far,
    capability.derive({
      tcp: true,
      adopt: true,
      connect: rule,
    }),
  );
  assertEquals(adopted.remoteAddr.port, port);
  assertEquals(pair.client.remoteAddr.path, path);
});

unixTest("over the limit of sockets nothing is adopted, and the descriptor stays", async (site) => {
  const { capability } = site;
  const part = capability.derive({ ...RIGHTS, limits: { sockets: 1 } });
  await using listener = await TcpEndpoint.create("127.0.0.1:0", part);
  const number = await duplicate(site, listener.fd);
  assertEquals(await codeOf(TcpEndpoint.adopt(number, part)), "EMFILE");
  using owned = await OwnedFd.adopt(number, capability);
  assertEquals(await codeOf(TcpEndpoint.adopt(owned, part)), "EMFILE");
  assertEquals(owned.isOpen, true);
  await listener[Symbol.asyncDispose]();
  await using adopted = await TcpEndpoint.adopt(owned, part);
  assertEquals(adopted.addr, listener.addr);
  assertEquals(await codeOf(TcpEndpoint.adopt(owned, part)), "EBADF");
});

unixTest(
  "a socket that is being adopted when its capability is revoked stays the caller's",
  async (site) => {
    const { capability } = site;
    await using listener = await TcpEndpoint.create("127.0.0.1:0", capability);
    const part = capability.derive(RIGHTS);
    const number = await duplicate(site, listener.fd);
    const adopting = codeOf(TcpEndpoint.adopt(number, part));
    await part.revoke("over");
    assertEquals(await adopting, "EACCES");
    using owned = await OwnedFd.adopt(number, capability);
    assertEquals(owned.isOpen, true);
  },
);
