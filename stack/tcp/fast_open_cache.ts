/**
 * What a client remembers of servers that it may send data to with a SYN: RFC 7413 section 4.1.3.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { IpAddress } from "../ip/types.ts";

/** What is known of one server. */
interface Server {
  /** Its cookie, empty where it has given none. */
  cookie: Uint8Array;
  /** The MSS that it announced. */
  segment: number;
  /** Until when it is not tried, and how often in a row it vanished. */
  blockedUntil: number;
  failures: number;
}

/** Doubling ends here. */
const MAXIMUM_DOUBLINGS = 6;

/** What is known of servers; whoever was asked for longest ago is forgotten first. */
export class FastOpenCache {
  readonly #environment: Environment;
  readonly #capacity: number;
  readonly #blackhole: number;
  /** In the order in which they were asked for. */
  readonly #servers = new Map<string, Server>();

  /**
   * @param capacity how many servers are remembered
   * @param blackhole microseconds that Fast Open is not tried where it was seen to vanish
   */
  constructor(environment: Environment, capacity: number, blackhole: number) {
    this.#environment = environment;
    this.#capacity = capacity;
    this.#blackhole = blackhole;
  }

  /** How many servers are remembered. */
  get size(): number {
    return this.#servers.size;
  }

  /** Whether Fast Open may be tried with a server. */
  isPermitted(remote: IpAddress): boolean {
    const server = this.#servers.get(keyOf(remote));
    return server === undefined || server.blockedUntil <= this.#environment.now;
  }

  /** The cookie of a server, or null when there is none. */
  cookie(remote: IpAddress): Uint8Array | null {
    const key = keyOf(remote);
    const server = this.#servers.get(key);
    if (server === undefined || server.cookie.length === 0) return null;
    this.#servers.delete(key);
    this.#servers.set(key, server);
    return server.cookie;
  }

  /** The MSS that a server announced when it gave its cookie; 0 when that is not known. */
  segment(remote: IpAddress): number {
    return this.#servers.get(keyOf(remote))?.segment ?? 0;
  }

  /** A server has given a cookie. */
  remember(remote: IpAddress, cookie: Uint8Array, segment: number): void {
    const server = this.#take(remote);
    server.cookie = cookie.slice();
    // RFC 7413 section 4.1.3 (MUST): clients keep the cookies of servers, with the MSS.
    server.segment = segment;
  }

  /** Data of a SYN were acknowledged: all is well. */
  onSuccess(remote: IpAddress): void {
    const server = this.#servers.get(keyOf(remote));
    if (server === undefined) return;
    server.failures = 0;
    server.blockedUntil = 0;
  }

  /**
   * A SYN with the option got no answer, and one without it did. RFC 7413 section 4.1.3.1 (SHOULD):
   * it is not tried for some time.
   */
  onVanished(remote: IpAddress): void {
    const server = this.#take(remote);
    const doublings = Math.min(server.failures, MAXIMUM_DOUBLINGS);
    server.blockedUntil = this.#environment.now + this.#blackhole * 2 ** doublings;
    server.failures++;
  }

  #take(remote: IpAddress): Server {
    const key = keyOf(remote);
    const found = this.#servers.get(key);
    const server = found ?? { cookie: new Uint8Array(0), segment: 0, blockedUntil: 0, failures: 0 };
    this.#servers.delete(key);
    if (this.#capacity === 0) return server;
    if (this.#servers.size >= this.#capacity) {
      for (const oldest of this.#servers.keys()) {
        this.#servers.delete(oldest);
        break;
      }
    }
    this.#servers.set(key, server);
    return server;
  }
}

function keyOf(address: IpAddress): string {
  return typeof address === "number" ? `${address}` : address.join();
}
