/**
 * An HTTP/1.0 server with routes, written on the stream API: every byte of the protocol is here.
 *
 * ```sh
 * deno run --allow-net --allow-ffi examples/http_server.ts [address]
 * ```
 *
 * The address is `127.0.0.1:8080` unless given. Try `curl -i http://127.0.0.1:8080/hello?name=you`
 * or `curl -i -d text http://127.0.0.1:8080/echo`. Without `--allow-ffi` it runs on plain Deno.
 *
 * One request for each connection, as in RFC 1945; what may be sent is RFC 9112's. Requests may
 * arrive in pieces of any size. Every limit has an answer: 400 malformed, 404 no such path,
 * 405 not for this path, 408 too slow, 413 body too large, 414 request line too long, 431 header
 * too large, 501 method or coding that is not implemented, 505 not HTTP/1.
 *
 * @module
 */

import { NetError, NetworkCapability, TcpEndpoint, type TcpStream } from "../mod.ts";

const REQUEST_LINE_BYTES_MAX = 8 * 1024;
const HEAD_BYTES_MAX = 32 * 1024;
const BODY_BYTES_MAX = 1024 * 1024;
/** How long a client may take for its whole request, byte by byte if it likes. */
const REQUEST_LIMIT_MS = 5_000;
/** How long it may take to read the response. */
const RESPONSE_LIMIT_MS = 30_000;
/** After the answer, what was still on its way is read for so long: see `drain`. */
const LINGER_LIMIT_MS = 1_000;
const CONNECTIONS_MAX = 10_000;

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Content Too Large",
  414: "URI Too Long",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  505: "HTTP Version Not Supported",
};

/** A request that is answered with an error. */
class HttpError extends Error {
  constructor(readonly status: number, detail: string, readonly headers: HeaderList = {}) {
    super(detail);
  }
}

type HeaderList = Readonly<Record<string, string>>;

interface RequestHead {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: ReadonlyMap<string, string>;
  readonly bodyBytes: number;
}

interface HttpRequest extends RequestHead {
  readonly body: Uint8Array;
}

interface HttpResponse {
  readonly body: string | Uint8Array;
  readonly headers?: HeaderList;
}

type Handler = (request: HttpRequest) => HttpResponse;

/** What there is, by path and method; a GET route answers HEAD, too. */
const ROUTES: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  "/": { GET: () => ({ body: "Try /hello?name=you, /time, or post something to /echo.\n" }) },
  "/hello": { GET: ({ query }) => ({ body: `Hello, ${query.get("name") ?? "world"}!\n` }) },
  "/time": { GET: () => ({ body: `${new Date().toISOString()}\n` }) },
  "/echo": {
    POST: ({ body, headers }) => {
      const type = headers.get("content-type") ?? "application/octet-stream";
      return { body, headers: { "content-type": type } };
    },
  },
};

const METHODS: readonly string[] = ["GET", "HEAD", "POST"];

/** Collects the bytes of one request, in whatever pieces they come. */
class RequestReader {
  readonly #stream: TcpStream;
  readonly #deadline = performance.now() + REQUEST_LIMIT_MS;
  #bytes = new Uint8Array(1024);
  #length = 0;
  #scanned = 0;

  constructor(stream: TcpStream) {
    this.#stream = stream;
  }

  /** Reads up to the blank line. @returns null when the client went away without a request */
  async head(): Promise<RequestHead | null> {
    let lineStart = 0;
    const lines: string[] = [];
    while (true) {
      for (; this.#scanned < this.#length; this.#scanned++) {
        if (this.#bytes[this.#scanned] !== LINE_FEED) continue;
        this.#checkHead(lines.length, lineStart, this.#scanned);
        const line = this.#line(lineStart, this.#scanned);
        lineStart = this.#scanned + 1;
        if (line !== "") {
          lines.push(line);
        } else if (lines.length > 0) {
          this.#consume(lineStart);
          return parseHead(lines);
        }
        // RFC 9112, section 2.2: blank lines before the request line are ignored.
      }
      this.#checkHead(lines.length, lineStart, this.#length);
      if (!await this.#more()) {
        if (this.#length === 0) return null;
        throw new HttpError(400, "The request ended within its header.");
      }
    }
  }

  /** Reads the body, which ends when the client has kept its word. */
  async body(bytes: number): Promise<Uint8Array> {
    while (this.#length < bytes) {
      if (!await this.#more()) throw new HttpError(400, "The request ended within its body.");
    }
    return this.#bytes.slice(0, bytes);
  }

  /** @returns false at the end of the stream */
  async #more(): Promise<boolean> {
    const timeoutMs = Math.max(0, this.#deadline - performance.now());
    try {
      using lease = await this.#stream.receive({ timeoutMs });
      if (lease === null) return false;
      this.#append(lease.bytes);
      return true;
    } catch (error) {
      if (!(error instanceof Deno.errors.TimedOut)) throw error;
      throw new HttpError(408, `The request took longer than ${REQUEST_LIMIT_MS} ms.`);
    }
  }

  #append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = length;
  }

  #consume(count: number): void {
    this.#bytes.copyWithin(0, count, this.#length);
    this.#length -= count;
  }

  #line(start: number, end: number): string {
    const isCrLf = end > start && this.#bytes[end - 1] === CARRIAGE_RETURN;
    const bytes = this.#bytes.subarray(start, isCrLf ? end - 1 : end);
    // One character for each byte: what is no ASCII shows up as what it is.
    return String.fromCharCode(...bytes);
  }

  /** @param end of the line that begins at `start`, as far as it is here */
  #checkHead(lines: number, start: number, end: number): void {
    if (lines === 0 && end - start > REQUEST_LINE_BYTES_MAX) {
      throw new HttpError(414, `The request line exceeds ${REQUEST_LINE_BYTES_MAX} bytes.`);
    }
    if (end > HEAD_BYTES_MAX) {
      throw new HttpError(431, `The header exceeds ${HEAD_BYTES_MAX} bytes.`);
    }
  }
}

function parseHead(lines: readonly string[]): RequestHead {
  const parts = /^([!#$%&'*+.^_`|~\w-]+) ([\x21-\x7e]+) HTTP\/(\d)\.(\d)$/.exec(lines[0]);
  if (parts === null) throw new HttpError(400, "The request line is malformed.");
  const [, method, target, major, minor] = parts;
  if (major !== "1") throw new HttpError(505, "This server speaks HTTP/1.0.");
  const headers = parseHeaders(lines.slice(1));
  // RFC 9112, section 3.2: a request of HTTP/1.1 without Host is answered with 400.
  if (minor !== "0" && !headers.has("host")) throw new HttpError(400, "Host is missing.");
  if (!METHODS.includes(method)) throw new HttpError(501, `${method} is not implemented.`);
  if (headers.has("transfer-encoding")) {
    throw new HttpError(501, "HTTP/1.0 has no transfer codings: send Content-Length.");
  }
  const bodyBytes = bodyLength(method, headers.get("content-length"));
  const { path, query } = parseTarget(target);
  return { method, path, query, headers, bodyBytes };
}

function parseHeaders(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const parts = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/.exec(line);
    if (parts === null) throw new HttpError(400, "A header line is malformed.");
    const name = parts[1].toLowerCase();
    const value = parts[2].trimEnd();
    const before = headers.get(name);
    // Two of these that differ would let two servers see two different requests.
    if (before !== undefined && (name === "content-length" || name === "host")) {
      if (before !== value) throw new HttpError(400, `${name} is there twice.`);
    } else {
      headers.set(name, before === undefined ? value : `${before}, ${value}`);
    }
  }
  return headers;
}

function bodyLength(method: string, text: string | undefined): number {
  if (text === undefined) {
    // RFC 1945, section 7.2.2: without a valid length the answer is 400.
    if (method === "POST") throw new HttpError(400, "POST needs a Content-Length.");
    return 0;
  }
  if (!/^\d{1,15}$/.test(text)) throw new HttpError(400, "Content-Length is no number.");
  const bytes = Number(text);
  if (bytes > BODY_BYTES_MAX) {
    throw new HttpError(413, `The body exceeds ${BODY_BYTES_MAX} bytes.`);
  }
  return bytes;
}

function parseTarget(target: string): { path: string; query: URLSearchParams } {
  try {
    // Proxies may ask for "http://host/path".
    const isAbsolute = /^https?:\/\//i.test(target);
    if (!isAbsolute && !target.startsWith("/")) throw new TypeError("not a path");
    const rest = isAbsolute ? target.replace(/^https?:\/\/[^/?]*/i, "") : target;
    const [path, query = ""] = rest.split("?", 2);
    return { path: decodeURIComponent(path) || "/", query: new URLSearchParams(query) };
  } catch {
    throw new HttpError(400, "The request target is malformed.");
  }
}

function route(request: RequestHead): Handler {
  const methods = Object.hasOwn(ROUTES, request.path) ? ROUTES[request.path] : undefined;
  if (methods === undefined) throw new HttpError(404, `There is no ${request.path} here.`);
  const method = request.method === "HEAD" ? "GET" : request.method;
  if (Object.hasOwn(methods, method)) return methods[method];
  const allow = Object.keys(methods).flatMap((name) => name === "GET" ? ["GET", "HEAD"] : [name]);
  throw new HttpError(405, `${request.method} is not for this path.`, { allow: allow.join(", ") });
}

function render(status: number, { body, headers }: HttpResponse, isHead: boolean): Uint8Array[] {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const all: Record<string, string> = {
    "date": new Date().toUTCString(),
    "server": "millrace-example",
    "content-type": "text/plain; charset=utf-8",
    ...headers,
    "content-length": String(bytes.length),
    "connection": "close",
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = new TextEncoder().encode(`HTTP/1.0 ${status} ${REASONS[status]}\r\n${lines}\r\n`);
  return isHead ? [head] : [head, bytes];
}

/** Answers one request. */
async function answer(stream: TcpStream): Promise<void> {
  let head: RequestHead | null = null;
  let status = 200;
  let response: HttpResponse;
  try {
    const reader = new RequestReader(stream);
    head = await reader.head();
    if (head === null) return;
    const handler = route(head);
    response = handler({ ...head, body: await reader.body(head.bodyBytes) });
  } catch (error) {
    if (error instanceof NetError) throw error;
    const known = error instanceof HttpError ? error : new HttpError(500, "The server failed.");
    if (known !== error) console.error(error);
    status = known.status;
    response = { body: `${known.message}\n`, headers: known.headers };
  }
  const parts = render(status, response, head?.method === "HEAD");
  await stream.send(parts, { timeoutMs: RESPONSE_LIMIT_MS });
}

async function serve(stream: TcpStream): Promise<void> {
  try {
    await answer(stream);
    await stream.closeWrite();
    await drain(stream);
  } catch (error) {
    // A client that went away, or did not read: it concerns this connection only.
    if (!(error instanceof NetError)) console.error(error);
  } finally {
    await stream.close();
  }
}

/**
 * Waits for the client to close. To close while bytes are still unread, such as a body that was
 * too large, resets the connection, and the client may lose the answer.
 */
async function drain(stream: TcpStream): Promise<void> {
  const deadline = performance.now() + LINGER_LIMIT_MS;
  while (true) {
    using lease = await stream.receive({ timeoutMs: Math.max(0, deadline - performance.now()) });
    if (lease === null) return;
  }
}

await using capability = await NetworkCapability.request({
  rights: { tcp: true, listen: true, resolve: true, limits: { sockets: CONNECTIONS_MAX + 1 } },
});
await using endpoint = await TcpEndpoint.create(Deno.args[0] ?? "127.0.0.1:8080", capability);
console.log(`http server on ${endpoint.localName}, ${capability.backend.kind} backend`);

for await (const stream of endpoint) serve(stream);
