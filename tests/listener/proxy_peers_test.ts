import { assert, assertEquals } from "@std/assert";
import {
  HAPROXY_MISSING,
  NGINX_MISSING,
  type ProxyProgram,
  startHaproxy,
  startNginx,
} from "./proxy_programs.ts";
import { runProgram } from "../interop/programs.ts";
import { testOnBackends } from "../support/backends.ts";
import { hasProgram } from "../support/skip.ts";
import {
  type ListenOptions,
  type NetworkCapability,
  ProxyTlvType,
  type StreamSocket,
  type TcpEndpoint,
  UnixEndpoint,
} from "../../mod.ts";

const TRUSTING: ListenOptions = { proxyProtocol: "any", trustedProxies: ["127.0.0.0/8"] };
/** What HAProxy takes for the client's address, and for its own. */
const ADDRESSES = "%[src]:%[src_port] %[dst]:%[dst_port]";
const NEEDS_HAPROXY = {
  condition: HAPROXY_MISSING === undefined,
  reason: HAPROXY_MISSING ?? "",
};
const NEEDS_NGINX = { condition: NGINX_MISSING === undefined, reason: NGINX_MISSING ?? "" };

function listen(capability: NetworkCapability, options: ListenOptions): Promise<TcpEndpoint> {
  return capability.listen("127.0.0.1:0", options);
}

/** Goes through a proxy to an endpoint behind it, and exchanges bytes both ways. */
async function through<S extends StreamSocket<Deno.Addr>>(
  port: number,
  endpoint: { accept(): Promise<S> },
  check: (stream: S, client: Deno.TcpConn) => void,
): Promise<void> {
  const accepting = endpoint.accept();
  using client = await Deno.connect({ hostname: "127.0.0.1", port });
  await client.write(new Uint8Array(5).fill(1));
  const stream = await accepting;
  check(stream, client);
  let received = 0;
  while (received < 5) {
    using lease = await stream.receive();
    received += lease!.length;
  }
  await stream.send(new Uint8Array(7));
  await stream.closeWrite();
  assertEquals((await new Response(client.readable).bytes()).length, 7);
  await stream.close();
}

testOnBackends("HAProxy's send-proxy gives the client's address", async (capability) => {
  await using endpoint = await listen(capability, { ...TRUSTING, proxyProtocol: "v1" });
  await using proxy = await startHaproxy(`
listen one
  mode tcp
  bind 127.0.0.1:{port}
  server s 127.0.0.1:${endpoint.addr.port} send-proxy
frontend up
  mode http
  bind 127.0.0.1:{port}
  http-request return status 200
`);
  for (let round = 0; round < 20; round++) {
    await through(proxy.ports[0], endpoint, (stream, client) => {
      assertEquals(stream.remoteAddr.port, client.localAddr.port);
      assertEquals(stream.proxy!.destination!.port, proxy.ports[0]);
      assertEquals(stream.proxy!.version, 1);
    });
  }
}, NEEDS_HAPROXY);

testOnBackends("HAProxy's send-proxy-v2 brings TLVs and a checksum", async (capability) => {
  await using endpoint = await listen(capability, { ...TRUSTING, proxyProtocol: "v2" });
  await using proxy = await startHaproxy(`
listen two
  mode tcp
  bind 127.0.0.1:{port}
  unique-id-format id-%cp
  server s 127.0.0.1:${endpoint.addr.port} send-proxy-v2 proxy-v2-options crc32c,unique-id
frontend up
  mode http
  bind 127.0.0.1:{port}
  http-request return status 200
`);
  for (let round = 0; round < 20; round++) {
    await through(proxy.ports[0], endpoint, (stream, client) => {
      const { port } = client.localAddr;
      assertEquals(stream.remoteAddr.port, port);
      const { version, tlvs } = stream.proxy!;
      const value = new TextEncoder().encode(`id-${port}`);
      assertEquals([version, tlvs], [2, [{ type: ProxyTlvType.UNIQUE_ID, value }]]);
    });
  }
}, NEEDS_HAPROXY);

testOnBackends("HAProxy's health checks are local connections", async (capability) => {
  await using endpoint = await listen(capability, { ...TRUSTING, proxyProtocol: "v2" });
  const accepting = endpoint.accept();
  await using _proxy = await startHaproxy(`
listen two
  mode tcp
  bind 127.0.0.1:{port}
  server s 127.0.0.1:${endpoint.addr.port} send-proxy-v2 check check-send-proxy inter 50ms
frontend up
  mode http
  bind 127.0.0.1:{port}
  http-request return status 200
`);
  const stream = await accepting;
  assertEquals([stream.proxy!.command, stream.proxy!.source], ["local", null]);
  assertEquals(stream.remoteName, String(stream.proxy!.peer));
  await stream.close();
}, NEEDS_HAPROXY);

testOnBackends("HAProxy's accept-proxy takes both versions from connect()", async (capability) => {
  await using proxy = await startHaproxy(`
frontend in
  mode http
  bind 127.0.0.1:{port} accept-proxy
  http-request return status 200 content-type text/plain lf-string "${ADDRESSES}"
frontend up
  mode http
  bind 127.0.0.1:{port}
  http-request return status 200
`);
  await askThrough(capability, proxy.ports[0], "192.0.2.7:1234 198.51.100.1:443");
}, NEEDS_HAPROXY);

/** Asks a web server that says whom it takes its client for. */
async function askThrough(
  capability: NetworkCapability,
  port: number,
  expected: string,
): Promise<void> {
  for (const proxyProtocol of ["v1", "v2"] as const) {
    const stream = await capability.connect(`127.0.0.1:${port}`, {
      proxyProtocol,
      proxySource: "192.0.2.7:1234",
      proxyDestination: "198.51.100.1:443",
      ...(proxyProtocol === "v2" ? { proxyChecksum: true } : {}),
    });
    await stream.send(new TextEncoder().encode("GET / HTTP/1.0\r\nhost: x\r\n\r\n"));
    const text = await new Response(stream.readable).text();
    await stream.close();
    assert(text.includes("200 OK") && text.endsWith(expected), `${proxyProtocol}: ${text}`);
  }
}

testOnBackends("nginx's proxy_protocol gives the client's address", async (capability) => {
  await using endpoint = await listen(capability, TRUSTING);
  await using proxy: ProxyProgram = await startNginx(`
stream {
  server { listen 127.0.0.1:{port}; proxy_pass 127.0.0.1:${endpoint.addr.port}; proxy_protocol on; }
  server { listen 127.0.0.1:{port}; return up; }
}
`);
  for (let round = 0; round < 20; round++) {
    await through(proxy.ports[0], endpoint, (stream, client) => {
      assertEquals(stream.remoteAddr.port, client.localAddr.port);
    });
  }
}, NEEDS_NGINX);

testOnBackends("nginx takes both versions from connect()", async (capability) => {
  await using proxy = await startNginx(`
http {
  access_log off;
  client_body_temp_path {folder};
  proxy_temp_path {folder};
  fastcgi_temp_path {folder};
  uwsgi_temp_path {folder};
  scgi_temp_path {folder};
  server {
    listen 127.0.0.1:{port} proxy_protocol;
    location / { return 200 "$proxy_protocol_addr:$proxy_protocol_port"; }
  }
}
stream {
  server { listen 127.0.0.1:{port}; return up; }
}
`);
  await askThrough(capability, proxy.ports[0], "192.0.2.7:1234");
}, NEEDS_NGINX);

testOnBackends(
  "a Unix endpoint takes PROXY headers of peers that it trusts",
  async (capability) => {
    const folder = await Deno.makeTempDir();
    const path = `${folder}/socket`;
    await using endpoint = await UnixEndpoint.create(`unix:${path}`, capability, {
      proxyProtocol: "any",
      trustedProxies: ["unix:"],
    });
    await using proxy = await startNginx(`
stream {
  server { listen 127.0.0.1:{port}; proxy_pass unix:${path}; proxy_protocol on; }
  server { listen 127.0.0.1:{port}; return up; }
}
`);
    await through(proxy.ports[0], endpoint, (stream, client) => {
      // The client is no Unix socket: what the stream's own address is stays what it was.
      assertEquals(stream.remoteAddr.transport, "unix");
      assertEquals(stream.proxy!.source!.port, client.localAddr.port);
    });
    await Deno.remove(folder, { recursive: true });
  },
  NEEDS_NGINX,
);

testOnBackends("curl's --haproxy-protocol is understood", async (capability) => {
  await using endpoint = await listen(capability, { ...TRUSTING, proxyProtocol: "v1" });
  const accepting = endpoint.accept();
  const asking = runProgram("curl", [
    "-s",
    "--haproxy-protocol",
    `http://127.0.0.1:${endpoint.addr.port}/`,
  ]);
  const stream = await accepting;
  assertEquals(stream.remoteName, String(stream.proxy!.source));
  assertEquals(String(stream.proxy!.source), String(stream.proxy!.peer));
  (await stream.receive())!.release();
  await stream.send(new TextEncoder().encode("HTTP/1.0 200 OK\r\n\r\nhello"));
  await stream.closeWrite();
  assertEquals(await asking, "hello");
  await stream.close();
}, { condition: hasProgram("curl"), reason: "needs curl" });
