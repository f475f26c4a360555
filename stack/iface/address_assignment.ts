/**
 * Gives interfaces addresses: asks others for them first, or announces them, and joins the groups
 * by which neighbours ask for them.
 *
 * @module
 */

import type { GroupTable } from "../group/group_table.ts";
import type { IpAddress } from "../ip/types.ts";
import { solicitedNodeOf } from "../wire/addresses.ts";
import type { AddressConflicts } from "./address_conflicts.ts";
import type { ConflictPolicy } from "./address_conflicts.ts";
import type { Addresses, AddressWatcher, InterfaceAddress } from "./address_table.ts";
import type { DuplicateDetection } from "./duplicate_detection.ts";
import type { LinkInterface } from "./link_interface.ts";
import type { AddressOptions } from "./links_parts.ts";
import type { NdpProtocol } from "./ndp_protocol.ts";
import { AddressState } from "./types.ts";

/** What it is made of. */
export interface AddressAssignmentParts {
  readonly addresses: Addresses;
  readonly groups: GroupTable;
  readonly conflicts: AddressConflicts;
  readonly detection: DuplicateDetection;
  readonly ndp: NdpProtocol;
  readonly interfaceOf: (index: number) => LinkInterface | undefined;
  /** Whether addresses of IPv6 are asked for at all. */
  readonly isDetecting: boolean;
}

/** Gives interfaces addresses. */
export class AddressAssignment implements AddressWatcher {
  readonly #parts: AddressAssignmentParts;
  /** Addresses that are used without asking others first. */
  readonly #unasked = new WeakSet<InterfaceAddress>();

  /** Watches the table from now on. */
  constructor(parts: AddressAssignmentParts) {
    this.#parts = parts;
    parts.addresses.watchers.push(this);
  }

  /** Adds an address. @returns 0 or `-errno`: EEXIST, EINVAL, ENOBUFS */
  add(
    link: LinkInterface,
    address: IpAddress,
    prefixLength: number,
    options: AddressOptions,
  ): number {
    const { addresses, detection, isDetecting } = this.#parts;
    const { conflicts = "announce", detects = true, ...parameters } = options;
    if (typeof address === "number") {
      return this.#addIpv4(link, address, prefixLength, conflicts, parameters);
    }
    // RFC 4862 section 5.4 (MUST): every unicast address is asked for, however it was obtained, but
    // where nobody else can have it.
    const isAsked = detects && isDetecting && link.kind === "ethernet";
    const state = isAsked ? AddressState.TENTATIVE : AddressState.PREFERRED;
    const result = addresses.add(link.index, address, prefixLength, { ...parameters, state });
    if (result < 0) return result;
    const added = addresses.find(address, link.index);
    if (!isAsked && added !== undefined) this.#unasked.add(added);
    if (isAsked && link.isUp) detection.begin(link, address, false);
    return 0;
  }

  #addIpv4(
    link: LinkInterface,
    address: number,
    prefixLength: number,
    policy: ConflictPolicy,
    parameters: Omit<AddressOptions, "conflicts" | "detects">,
  ): number {
    const { addresses, conflicts } = this.#parts;
    const isEthernet = link.kind === "ethernet";
    // RFC 5227 section 2.1 (MUST) excepted: where the policy is not "probe", an address is
    // announced and used at once, as hosts do with addresses that people set.
    const isProbed = isEthernet && policy === "probe";
    const state = isProbed ? AddressState.TENTATIVE : AddressState.PREFERRED;
    const result = addresses.add(link.index, address, prefixLength, { ...parameters, state });
    if (result < 0) return result;
    if (isEthernet) conflicts.begin(link, address, policy);
    return 0;
  }

  /** An interface came up: its addresses are asked for again. */
  restart(link: LinkInterface): void {
    const { addresses, conflicts, detection } = this.#parts;
    conflicts.restart(link);
    let isFirst = true;
    for (const known of [...addresses.list(link.index)]) {
      if (typeof known.address === "number" || this.#unasked.has(known)) continue;
      // RFC 4862 section 5.4 (MUST): when an interface comes up, its addresses are asked for.
      addresses.update(link.index, known.address, { state: AddressState.TENTATIVE });
      detection.begin(link, known.address, isFirst);
      isFirst = false;
    }
  }

  /** See {@linkcode AddressWatcher.onAddressAdded}. */
  onAddressAdded({ interface: index, address }: InterfaceAddress): void {
    const { groups, interfaceOf } = this.#parts;
    if (typeof address === "number") return;
    const link = interfaceOf(index);
    // RFC 4291 section 2.8 (MUST): the solicited-node group of each address is joined. Addresses
    // with the same last bits share it: it is joined once, and left with the last of them.
    if (link !== undefined) groups.join(index, solicitedNodeOf(address), link);
  }

  /** See {@linkcode AddressWatcher.onAddressRemoved}. */
  onAddressRemoved({ interface: index, address }: InterfaceAddress): void {
    const { addresses, conflicts, detection, groups, interfaceOf } = this.#parts;
    if (typeof address === "number") return conflicts.end(index, address);
    detection.end(index, address);
    const isShared = addresses.list(index).some((other) =>
      typeof other.address !== "number" &&
      (other.address[3] & 0xff_ffff) === (address[3] & 0xff_ffff)
    );
    const link = interfaceOf(index);
    if (!isShared && link !== undefined) groups.leave(index, solicitedNodeOf(address), link);
  }

  /** Tells everybody on a link of our addresses, unasked. */
  announce(link: LinkInterface): void {
    const { addresses, conflicts, ndp } = this.#parts;
    if (link.kind !== "ethernet") return;
    for (const { address } of addresses.list(link.index)) {
      if (!addresses.isLocal(address, link.index)) continue;
      if (typeof address === "number") conflicts.announce(link, address);
      else ndp.announce(link, address);
    }
  }
}
