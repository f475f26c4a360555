import { assertEquals } from "@std/assert";
import { type BadRequest, readRequest } from "./http_request.ts";

function read(text: string) {
  return readRequest(new TextEncoder().encode(text));
}

Deno.test("a request is read once it is whole, and tells how long it was", () => {
  const request = "GET /a%20b/./c?d#e HTTP/1.0\r\nHost: here\r\nConnection: Keep-Alive\r\n\r\n";
  for (let end = 0; end < request.length; end++) assertEquals(read(request.slice(0, end)), null);
  const whole = { bytes: request.length, isHead: false, path: "/a b/c", keepsAlive: true };
  assertEquals(read(request), whole);
  assertEquals(read(`${request}GET /next`), whole);
  assertEquals(read(`\r\n\n${request}`), { ...whole, bytes: request.length + 3 });
});

Deno.test("whether the client wants to go on depends on the version and on its word", () => {
  const cases: readonly [string, boolean][] = [
    ["HTTP/1.0\r\n", false],
    ["HTTP/1.0\r\nConnection: keep-alive\r\n", true],
    ["HTTP/1.1\r\n", true],
    ["HTTP/1.1\r\nconnection:close\r\n", false],
  ];
  for (const [rest, keepsAlive] of cases) {
    assertEquals(read(`HEAD / ${rest}\r\n`), {
      bytes: `HEAD / ${rest}\r\n`.length,
      isHead: true,
      path: "/",
      keepsAlive,
    });
  }
});

Deno.test("what is no request for a file is refused with its status", () => {
  const cases: readonly [string, BadRequest["status"]][] = [
    ["POST / HTTP/1.0", "501 Not Implemented"],
    ["GET / HTTP/1.0\r\nContent-Length: 5", "501 Not Implemented"],
    ["GET / HTTP/1.1\r\nTransfer-Encoding: chunked", "501 Not Implemented"],
    ["GET /", "400 Bad Request"],
    ["GET nowhere HTTP/1.0", "400 Bad Request"],
    ["GET / HTTP/2.0", "400 Bad Request"],
    ["GET /a/../../b HTTP/1.0", "400 Bad Request"],
    ["GET /%2e%2e/b HTTP/1.0", "400 Bad Request"],
    ["GET /%00 HTTP/1.0", "400 Bad Request"],
    ["GET /%zz HTTP/1.0", "400 Bad Request"],
    ["GET / HTTP/1.0\r\nno colon", "400 Bad Request"],
    ["GET / HTTP/1.0\r\nname : value", "400 Bad Request"],
  ];
  for (const [text, status] of cases) assertEquals(read(`${text}\r\n\r\n`), { status }, text);
});
