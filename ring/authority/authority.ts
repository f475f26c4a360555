/**
 * Authority: the object without which no socket exists, in layers that each have to allow.
 *
 * @module
 */

import { canonicalize, type SocketAddress } from "../abi/address.ts";
import { normalizeHostName } from "../abi/host_name.ts";
import { type Limits, tightestLimits } from "./limits.ts";
import { isLocalName } from "./names.ts";
import { matchesPath, normalizePath } from "./paths.ts";
import {
  allowsResolve,
  compileRights,
  findExcess,
  type FlagRight,
  type Layer,
  type NetworkRights,
} from "./rights.ts";
import { admitsAddress, admitsName, type Transport, type Verb } from "./rules.ts";

/** Which right was missing, for what, and in which layer. */
export interface Denial {
  /** The right, such as `"tcp"`, `"connect"` or `"resolve"`. */
  readonly right: string;
  /** The canonical address, name or path it was needed for, `""` when the right has none. */
  readonly address: string;
  /** The layer that denies, 0 for the root. */
  readonly layer: number;
}

/**
 * What an authority says about a name before it is resolved: leave to use, for one call, those of
 * its addresses that are allowed.
 */
export interface NameAdmission {
  /** The kind of socket that was asked about. */
  readonly transport: Transport;
  /** Whether it was to connect or to listen. */
  readonly verb: Verb;
  /** The name in lower case without a trailing dot. */
  readonly name: string;
  /** The port that was asked about. */
  readonly port: number;
  /**
   * Judges one of the addresses that the name was resolved to.
   *
   * @param address The address, with the port that was asked about.
   * @returns Whether it may be used.
   */
  allows(address: SocketAddress): boolean;
  /**
   * Judges one of the addresses that the name was resolved to, and says what is missing.
   *
   * @param address The address, with the port that was asked about.
   * @returns `null` when it may be used, else the denial.
   */
  check(address: SocketAddress): Denial | null;
}

/** Thrown by {@linkcode Authority.derive} when it is asked for more than the parent has. */
export class AuthorityDenied extends Error implements Denial {
  /** The name of the class. */
  override readonly name = "AuthorityDenied";
  /** The right that the parent does not grant. */
  readonly right: string;
  /** The rule that the parent does not grant, `""` when the right has none. */
  readonly address: string;
  /** The layer that does not grant it, 0 for the root. */
  readonly layer: number;

  /**
   * Makes the error.
   *
   * @param denial What is missing.
   */
  constructor(denial: Denial) {
    const subject = denial.address === "" ? "" : ` for ${denial.address}`;
    super(`the right "${denial.right}"${subject} is more than layer ${denial.layer} grants`);
    this.right = denial.right;
    this.address = denial.address;
    this.layer = denial.layer;
  }
}

/** The most layers an authority may have: every check walks through all of them. */
export const LAYERS_MAX = 64;

/** What a root has when nobody asks for anything else: all but raw, ring, adopt and files. */
const ROOT_RIGHTS: NetworkRights = Object.freeze({
  tcp: true,
  udp: true,
  unix: true,
  connect: true,
  listen: true,
  resolve: true,
});

/** How a layer stands towards a name: to every address, as a name rule, or to some addresses. */
type Standing = "any" | "name" | "network";

/**
 * An immutable authority over the network. Deriving adds a layer, and every layer has to allow, so
 * a derived authority never allows what one of its ancestors does not.
 *
 * Names. A name is matched before any query. Where a rule names it (`tcp://api.example.com:443`,
 * `tcp://*.example.com:*`) it may be resolved, and leads to public addresses only, so that whoever
 * runs the DNS of that name cannot point it at the inside of this network; a network rule that
 * admits the address lifts that. Where no rule names it, it may be resolved if the right
 * `resolve` says so, and each address is judged by the network rules. `tcp://*:*` and
 * `connect: true` admit every name and every address.
 *
 * `localhost` and the names below it always mean the machine itself (RFC 6761 section 6.3). A rule
 * that names them admits loopback addresses and, unlike other names, no public one: an answer that
 * leads elsewhere comes from somebody who should not be asked. `tcp://127.0.0.1:80` does not
 * admit the name `localhost`, unless `resolve` does.
 *
 * @example
 * ```ts
 * import { SocketAddress } from "../abi/address.ts";
 * import { Authority } from "./authority.ts";
 * const root = Authority.root();
 * const guest = root.derive({ tcp: true, connect: ["tcp://10.0.0.0/8:443"] });
 * const inside = SocketAddress.parse("10.1.2.3:443");
 * const outside = SocketAddress.parse("192.0.2.1:443");
 * if (guest.check("tcp", "connect", inside) !== null) throw new Error("unreachable");
 * if (guest.check("tcp", "connect", outside)?.right !== "connect") throw new Error("unreachable");
 * ```
 */
export class Authority {
  /** The rights of the last layer, which no other layer exceeds, with the effective limits. */
  readonly rights: NetworkRights;
  /** The effective limits: for each the smallest of all layers. */
  readonly limits: Limits;
  readonly #layers: readonly Layer[];

  private constructor(layers: readonly Layer[]) {
    const last = layers[layers.length - 1];
    this.#layers = layers;
    this.limits = layers.map((layer) => layer.limits).reduce(tightestLimits);
    this.rights = Object.freeze({ ...last.rights, limits: this.limits });
    Object.freeze(this);
  }

  /**
   * Makes an authority out of nothing: only whoever owns the process may do that.
   *
   * @param rights The rights; when left out, all but `raw`, `ring`, `adopt` and `files`.
   * @returns The authority, with one layer.
   * @throws {TypeError} When a key is unknown, a value has the wrong type, or a rule is malformed.
   * @throws {RangeError} When a limit is no integer from 0 on, or there are too many rules.
   */
  static root(rights: NetworkRights = ROOT_RIGHTS): Authority {
    return new Authority([compileRights(rights)]);
  }

  /**
   * Makes an authority from the layers of another one, as they arrive in another thread.
   *
   * @param layers What {@linkcode Authority.layers} gave, the root first.
   * @returns The same authority.
   * @throws {AuthorityDenied} When a layer asks for more than one before it grants.
   * @throws {TypeError} When there is no layer, or one is malformed.
   * @throws {RangeError} When there are too many layers or rules, or a limit is out of range.
   */
  static fromLayers(layers: readonly NetworkRights[]): Authority {
    if (!Array.isArray(layers) || layers.length === 0) {
      throw new TypeError("an authority has at least one layer");
    }
    let authority = Authority.root(layers[0]);
    for (const rights of layers.slice(1)) authority = authority.derive(rights);
    return authority;
  }

  /** The rights of each layer in canonical form, the root first: plain data for another thread. */
  get layers(): readonly NetworkRights[] {
    return this.#layers.map((layer) => layer.rights);
  }

  /**
   * Makes an authority that has less: what is left out of the rights is not granted.
   *
   * Each rule has to be covered by one rule of every layer, and the decision errs on the safe side:
   * two rules that cover a third only together do not count, `true` is covered by `true` alone,
   * and no name is covered by a network. Limits may be larger than the parent's, which gives
   * nothing: the smallest holds.
   *
   * @param rights The rights of the new layer.
   * @returns The derived authority.
   * @throws {AuthorityDenied} When it asks for more than this authority has.
   * @throws {TypeError} When a key is unknown, a value has the wrong type, or a rule is malformed.
   * @throws {RangeError} When a limit is out of range, or there are too many layers or rules.
   */
  derive(rights: NetworkRights): Authority {
    if (this.#layers.length >= LAYERS_MAX) {
      throw new RangeError(`an authority has at most ${LAYERS_MAX} layers`);
    }
    const child = compileRights(rights);
    for (let layer = 0; layer < this.#layers.length; layer++) {
      const excess = findExcess(this.#layers[layer], child);
      if (excess !== undefined) throw new AuthorityDenied({ ...excess, layer });
    }
    return new Authority([...this.#layers, child]);
  }

  /**
   * Decides whether an address may be used. Every layer has to hold the transport and to allow the
   * verb for the address; the address is made canonical first.
   *
   * @param transport The kind of socket.
   * @param verb Whether to connect (and send) to the address or to listen on (and bind) it.
   * @param address The address.
   * @returns `null` when it may be used, else what is missing.
   */
  check(transport: Transport, verb: Verb, address: SocketAddress): Denial | null {
    const canonical = canonicalize(address, verb === "connect" ? "destination" : "listen");
    // An address of one family on a socket of another would slip past the flag of its own.
    const fits = (address.family === "unix") === (transport === "unix");
    for (let layer = 0; layer < this.#layers.length; layer++) {
      const { rights, [verb]: rules } = this.#layers[layer];
      if (rights[transport] !== true || !fits) {
        return { right: transport, address: canonical.toString(), layer };
      }
      if (rules === true) continue;
      if (!rules.some((rule) => admitsAddress(rule, transport, canonical))) {
        return { right: verb, address: canonical.toString(), layer };
      }
    }
    return null;
  }

  /**
   * Decides whether a name may be resolved in order to use its addresses, before any query.
   *
   * @param transport The kind of socket.
   * @param verb Whether to connect (and send) to it or to listen on (and bind) it.
   * @param name The name; its case and a trailing dot do not matter.
   * @param port The port, 0 to 65535.
   * @returns The admission, good for this one call, by which each address has to be judged; or
   * what is missing. Tell them apart with {@linkcode isDenial}.
   * @throws {TypeError} When the name is malformed, or is an address.
   * @throws {RangeError} When the port is out of range.
   */
  admitName(
    transport: Exclude<Transport, "unix">,
    verb: Verb,
    name: string,
    port: number,
  ): NameAdmission | Denial {
    const canonical = normalizeHostName(name);
    if (!Number.isInteger(port) || port < 0 || port > 65535) {
      throw new RangeError(`port ${port} is not a whole number from 0 to 65535`);
    }
    const address = `${canonical}:${port}`;
    const standings: Standing[] = [];
    for (let index = 0; index < this.#layers.length; index++) {
      const layer = this.#layers[index];
      if (layer.rights[transport] !== true) return { right: transport, address, layer: index };
      const standing = standingOf(layer, transport, verb, canonical, port);
      if (standing === undefined) return { right: verb, address, layer: index };
      if (standing === "network" && !allowsResolve(layer, canonical)) {
        return { right: "resolve", address: canonical, layer: index };
      }
      standings.push(standing);
    }
    return new Admission(this.#layers, standings, transport, verb, canonical, port);
  }

  /**
   * Decides whether a name may be resolved for its own sake.
   *
   * @param name The name; its case and a trailing dot do not matter.
   * @returns `null` when it may be, else what is missing.
   * @throws {TypeError} When the name is malformed, or is an address.
   */
  checkResolve(name: string): Denial | null {
    const canonical = normalizeHostName(name);
    const layer = this.#layers.findIndex((layer) => !allowsResolve(layer, canonical));
    return layer < 0 ? null : { right: "resolve", address: canonical, layer };
  }

  /**
   * Decides whether a right without an address is held.
   *
   * @param right The right.
   * @returns `null` when every layer holds it, else what is missing.
   */
  has(right: FlagRight): Denial | null {
    const layer = this.#layers.findIndex((layer) => layer.rights[right] !== true);
    return layer < 0 ? null : { right, address: "", layer };
  }

  /**
   * Decides whether a file may be sent, or written with what is received.
   *
   * @param path The absolute path after symbolic links have been followed; a `..` in it is denied.
   * @param right Which of the two.
   * @returns `null` when it may be, else what is missing.
   */
  checkFile(path: string, right: "files" | "writableFiles" = "files"): Denial | null {
    const canonical = normalizePath(path);
    const layer = this.#layers.findIndex((layer) =>
      canonical === undefined || !layer[right].some((pattern) => matchesPath(pattern, canonical))
    );
    return layer < 0 ? null : { right, address: path, layer };
  }
}

/**
 * Tells a denial from an admission.
 *
 * @param value What {@linkcode Authority.admitName} answered.
 * @returns Whether it is a denial.
 */
export function isDenial(value: NameAdmission | Denial | null): value is Denial {
  return value !== null && "right" in value;
}

/** The most favourable thing that the rules of a layer say about a name. */
function standingOf(
  layer: Layer,
  transport: Transport,
  verb: Verb,
  name: string,
  port: number,
): Standing | undefined {
  const rules = layer[verb];
  if (rules === true) return "any";
  let best: Standing | undefined;
  for (const rule of rules) {
    const standing = admitsName(rule, transport, name, port);
    if (standing === "any") return "any";
    if (standing === "name" || best === undefined) best = standing ?? best;
  }
  return best;
}

class Admission implements NameAdmission {
  readonly transport: Transport;
  readonly verb: Verb;
  readonly name: string;
  readonly port: number;
  readonly #layers: readonly Layer[];
  readonly #standings: readonly Standing[];

  constructor(
    layers: readonly Layer[],
    standings: readonly Standing[],
    transport: Transport,
    verb: Verb,
    name: string,
    port: number,
  ) {
    this.#layers = layers;
    this.#standings = standings;
    this.transport = transport;
    this.verb = verb;
    this.name = name;
    this.port = port;
  }

  allows(address: SocketAddress): boolean {
    return this.check(address) === null;
  }

  check(address: SocketAddress): Denial | null {
    const canonical = canonicalize(address, this.verb === "connect" ? "destination" : "listen");
    const fits = canonical.family !== "unix" && canonical.port === this.port;
    const byName = isLocalName(this.name) ? canonical.isLoopback : canonical.isPublic;
    for (let index = 0; index < this.#layers.length; index++) {
      if (fits && this.#layerAllows(index, canonical, byName)) continue;
      return { right: this.verb, address: canonical.toString(), layer: index };
    }
    return null;
  }

  #layerAllows(index: number, canonical: SocketAddress, byName: boolean): boolean {
    const standing = this.#standings[index];
    if (standing === "any" || standing === "name" && byName) return true;
    const rules = this.#layers[index][this.verb];
    return rules === true ||
      rules.some((rule) => admitsAddress(rule, this.transport, canonical));
  }
}
