/**
 * Requests of HTTP/1.0 and 1.1, as far as a server of files needs them.
 *
 * @module
 */

/** A request. */
export interface FileRequest {
  /** Bytes of it, the empty line included. */
  readonly bytes: number;
  /** Whether only the header of the answer is wanted. */
  readonly isHead: boolean;
  /** The path, without its query, decoded and without `..`. */
  readonly path: string;
  /** Whether the client wants to send another request. */
  readonly keepsAlive: boolean;
}

/** Why a request cannot be answered with a file. */
export interface BadRequest {
  readonly status: "400 Bad Request" | "501 Not Implemented";
}

const NEWLINE = 10;
const RETURN = 13;
/** What names of header fields are made of. Source: RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~\w-]+$/;

/**
 * Reads one request from the beginning of some bytes.
 *
 * @returns the request; null when it is not whole yet
 */
export function readRequest(data: Uint8Array): FileRequest | BadRequest | null {
  const bytes = endOfHeader(data);
  if (bytes < 0) return null;
  const text = new TextDecoder("latin1").decode(data.subarray(0, bytes));
  const [first, ...lines] = text.trimStart().split(/\r?\n/);
  const words = /^([A-Z]+) (\/[^ ]*) HTTP\/1\.([01])$/.exec(first);
  if (words === null) return { status: "400 Bad Request" };
  const [, method, target, minor] = words;
  if (method !== "GET" && method !== "HEAD") return { status: "501 Not Implemented" };
  let keepsAlive = minor === "1";
  for (const line of lines) {
    if (line === "") break;
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    if (!TOKEN.test(name)) return { status: "400 Bad Request" };
    const value = line.slice(colon + 1).trim().toLowerCase();
    if (name === "connection") {
      keepsAlive = value.includes("close") ? false : keepsAlive || value.includes("keep-alive");
    }
    // Whoever misjudges where a request ends, reads a body as the next request.
    const hasBody = name === "transfer-encoding" || (name === "content-length" && value !== "0");
    if (hasBody) return { status: "501 Not Implemented" };
  }
  const path = pathOf(target);
  if (path === null) return { status: "400 Bad Request" };
  return { bytes, isHead: method === "HEAD", path, keepsAlive };
}

/** The bytes up to the first empty line, with it; -1 when there is none. */
function endOfHeader(data: Uint8Array): number {
  // Empty lines before a request are passed over. Source: RFC 9112, section 2.2.
  let from = 0;
  while (data[from] === NEWLINE || data[from] === RETURN) from++;
  for (let at = data.indexOf(NEWLINE, from); at >= 0; at = data.indexOf(NEWLINE, at + 1)) {
    const next = data[at + 1] === RETURN ? at + 2 : at + 1;
    if (data[next] === NEWLINE) return next + 1;
  }
  return -1;
}

function pathOf(target: string): string | null {
  let path: string;
  try {
    path = decodeURIComponent(target.split(/[?#]/)[0]);
  } catch {
    return null;
  }
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (path.includes("\0") || parts.includes("..")) return null;
  return `/${parts.join("/")}${path.endsWith("/") && parts.length > 0 ? "/" : ""}`;
}
