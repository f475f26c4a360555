/**
 * One client of the file server: requests in, files out, one after the other in order, however many
 * requests come at once.
 *
 * @module
 */

import { type Posix, PosixError } from "../../posix/mod.ts";
import { readRequest } from "./http_request.ts";
import { Step } from "./step.ts";

/** How long a client may take for one request, and how long to take no bytes, in milliseconds. */
const REQUEST_MS = 10_000;
const STALL_MS = 10_000;
const GRACE_MS = 2000;
/** The longest request. */
const REQUEST_BYTES = 8192;
/** The most of a file that goes out in one step. */
const CHUNK_BYTES = 1 << 20;

const TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  md: "text/markdown; charset=utf-8",
  png: "image/png",
  svg: "image/svg+xml",
  txt: "text/plain; charset=utf-8",
};

/** What of an answer is still to be sent. */
interface Answer {
  readonly head: Uint8Array<ArrayBuffer>;
  headSent: number;
  /** The file, -1 for none. */
  readonly file: number;
  offset: number;
  readonly end: number;
  readonly isLast: boolean;
}

/** A connection of the file server. */
export class HttpConnection {
  /** Its descriptor. */
  readonly fd: number;
  /** When it has taken too long, on the clock of `performance.now()`. */
  deadlineMs: number;
  readonly #posix: Posix;
  readonly #root: string;
  readonly #input = new Uint8Array(REQUEST_BYTES);
  #length = 0;
  #answer: Answer | null = null;
  #isFinishing = false;
  #isShutDown = false;

  /**
   * @param fd a connection with `O_NONBLOCK`, which belongs to this object from now on
   * @param root the folder whose files it may have, without a slash at the end
   */
  constructor(posix: Posix, fd: number, root: string) {
    this.#posix = posix;
    this.#root = root;
    this.fd = fd;
    this.deadlineMs = performance.now() + REQUEST_MS;
  }

  /** Sends some of an answer, or finds the next request, or reads. */
  step(): Step {
    try {
      if (this.#answer !== null) return this.#send(this.#answer);
      return this.#isShutDown ? this.#drain() : this.#receive();
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
      if (error.code === "EAGAIN") return this.#answer ? Step.WRITE_BLOCKED : Step.READ_BLOCKED;
      return error.code === "EINTR" ? Step.MOVED : Step.ENDED;
    }
  }

  /** Ends it after the answer that is on its way. */
  finish(): void {
    this.#isFinishing = true;
    if (this.#answer === null) this.#endWrites();
  }

  /** Closes it, and the file that is on its way. */
  close(): void {
    this.#endAnswer();
    this.#posix.close(this.fd);
  }

  #receive(): Step {
    const request = readRequest(this.#input.subarray(0, this.#length));
    if (request === null) {
      if (this.#length === REQUEST_BYTES) return this.#refuse("431 Request Header Too Large");
      const count = this.#posix.recv(this.fd, this.#input.subarray(this.#length));
      if (count === 0) return Step.ENDED;
      this.#length += count;
      return Step.MOVED;
    }
    if ("status" in request) return this.#refuse(request.status);
    // What follows is the next request: it was sent without waiting for this answer.
    this.#input.copyWithin(0, request.bytes, this.#length);
    this.#length -= request.bytes;
    const isLast = this.#isFinishing || !request.keepsAlive;
    this.#answer = this.#open(request.path, request.isHead, isLast);
    return Step.MOVED;
  }

  /** Nobody can tell where the next request would begin. */
  #refuse(status: string): Step {
    this.#answer = answerWith(status, true);
    return Step.MOVED;
  }

  #open(path: string, isHead: boolean, isLast: boolean): Answer {
    const posix = this.#posix;
    const fail = (status: string): Answer => answerWith(status, isLast, isHead);
    const name = `${this.#root}${path}${path.endsWith("/") ? "index.html" : ""}`;
    let file = -1;
    try {
      const { isFile, size } = Deno.statSync(name);
      if (!isFile) return fail("404 Not Found");
      // The capability judges the path that links lead to.
      file = posix.open(name, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NONBLOCK);
      const type = TYPES[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream";
      const head = headOf("200 OK", type, size, isLast);
      if (!isHead) return { head, headSent: 0, file, offset: 0, end: size, isLast };
      posix.close(file);
      return { head, headSent: 0, file: -1, offset: 0, end: 0, isLast };
    } catch (error) {
      const isDenied = error instanceof Deno.errors.PermissionDenied ||
        (error instanceof PosixError && error.code === "EACCES");
      if (isDenied) return fail("403 Forbidden");
      const isBusy = error instanceof PosixError && ["EMFILE", "ENFILE"].includes(error.code);
      return fail(isBusy ? "503 Service Unavailable" : "404 Not Found");
    }
  }

  #send(answer: Answer): Step {
    const posix = this.#posix;
    const { head, file, end } = answer;
    const bodyBytes = end - answer.offset;
    if (answer.headSent < head.length) {
      // The head waits for the file's first bytes, to go with them in one packet.
      const flags = posix.MSG_NOSIGNAL | (bodyBytes > 0 ? posix.MSG_MORE : 0);
      answer.headSent += posix.send(this.fd, head.subarray(answer.headSent), flags);
    } else if (bodyBytes > 0) {
      const most = Math.min(bodyBytes, CHUNK_BYTES);
      const count = posix.sendfile(this.fd, file, answer.offset, most);
      // The file was cut short meanwhile, and so is the answer.
      if (count === 0) return Step.ENDED;
      answer.offset += count;
    } else {
      this.#endAnswer();
      this.deadlineMs = performance.now() + REQUEST_MS;
      if (answer.isLast || this.#isFinishing) this.#endWrites();
      return Step.MOVED;
    }
    this.deadlineMs = performance.now() + STALL_MS;
    return Step.MOVED;
  }

  #endAnswer(): void {
    if (this.#answer !== null && this.#answer.file >= 0) this.#posix.close(this.#answer.file);
    this.#answer = null;
  }

  /** Closing with unread bytes would reset the connection: the client might lose the answer. */
  #endWrites(): void {
    this.#isShutDown = true;
    this.deadlineMs = performance.now() + GRACE_MS;
    try {
      this.#posix.shutdown(this.fd, this.#posix.SHUT_WR);
    } catch (error) {
      if (!(error instanceof PosixError && error.code === "ENOTCONN")) throw error;
    }
  }

  #drain(): Step {
    return this.#posix.recv(this.fd, this.#input) === 0 ? Step.ENDED : Step.MOVED;
  }
}

function headOf(
  status: string,
  type: string,
  bytes: number,
  isLast: boolean,
): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(
    `HTTP/1.0 ${status}\r\nContent-Type: ${type}\r\nContent-Length: ${bytes}\r\n` +
      `Connection: ${isLast ? "close" : "keep-alive"}\r\n\r\n`,
  );
}

/** An answer without a file, which says its status in the body, too. */
function answerWith(status: string, isLast: boolean, isHead = false): Answer {
  const text = new TextEncoder().encode(`${status}\n`);
  const head = headOf(status, "text/plain", text.length, isLast);
  const body = isHead ? text.subarray(0, 0) : text;
  const whole = new Uint8Array(new ArrayBuffer(head.length + body.length));
  whole.set(head);
  whole.set(body, head.length);
  return { head: whole, headSent: 0, file: -1, offset: 0, end: 0, isLast };
}
