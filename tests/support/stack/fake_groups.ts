/**
 * The groups of a fake stack: who joined what, without any message.
 *
 * @module
 */

import { Errno } from "../../../ring/abi/errno.ts";
import type { GroupMember, Groups } from "../../../stack/iface/types.ts";
import type { IpAddress } from "../../../stack/ip/types.ts";

interface Membership {
  mode: "include" | "exclude";
  sources: IpAddress[];
}

/** The groups of one socket. */
class FakeMember implements GroupMember {
  readonly #joined: Map<string, Membership> = new Map();

  get isEmpty(): boolean {
    return this.#joined.size === 0;
  }

  #change(
    index: number,
    group: IpAddress,
    source: IpAddress,
    mode: "include" | "exclude",
    adds: boolean,
  ): number {
    const found = this.#joined.get(keyOf(index, group));
    if (found === undefined && !(adds && mode === "include")) return -Errno.EINVAL;
    const membership = found ?? { mode, sources: [] };
    if (membership.mode !== mode) return -Errno.EINVAL;
    const at = membership.sources.findIndex((other) => String(other) === String(source));
    if (adds === (at >= 0)) return -Errno.EADDRNOTAVAIL;
    if (adds) membership.sources.push(source);
    else membership.sources.splice(at, 1);
    this.#joined.set(keyOf(index, group), membership);
    return 0;
  }

  join(index: number, group: IpAddress): number {
    if (this.#joined.has(keyOf(index, group))) return -Errno.EADDRINUSE;
    this.#joined.set(keyOf(index, group), { mode: "exclude", sources: [] });
    return 0;
  }

  leave(index: number, group: IpAddress): number {
    return this.#joined.delete(keyOf(index, group)) ? 0 : -Errno.EADDRNOTAVAIL;
  }

  joinSource(index: number, group: IpAddress, source: IpAddress): number {
    return this.#change(index, group, source, "include", true);
  }

  leaveSource(index: number, group: IpAddress, source: IpAddress): number {
    return this.#change(index, group, source, "include", false);
  }

  blockSource(index: number, group: IpAddress, source: IpAddress): number {
    return this.#change(index, group, source, "exclude", true);
  }

  unblockSource(index: number, group: IpAddress, source: IpAddress): number {
    return this.#change(index, group, source, "exclude", false);
  }

  setFilter(
    index: number,
    group: IpAddress,
    mode: "include" | "exclude",
    sources: readonly IpAddress[],
  ): number {
    this.#joined.set(keyOf(index, group), { mode, sources: [...sources] });
    return 0;
  }

  filter(index: number, group: IpAddress): Membership | null {
    return this.#joined.get(keyOf(index, group)) ?? null;
  }

  admits(index: number, group: IpAddress, source: IpAddress): boolean {
    const found = this.#joined.get(keyOf(index, group));
    if (found === undefined) return false;
    const isNamed = found.sources.some((other) => String(other) === String(source));
    return isNamed === (found.mode === "include");
  }

  hasJoined(index: number, group: IpAddress): boolean {
    return this.#joined.has(keyOf(index, group));
  }

  close(): void {
    this.#joined.clear();
  }
}

/** Everybody's groups. */
export class FakeGroups implements Groups {
  readonly members: GroupMember[] = [];

  isMember(index: number, group: IpAddress, source: IpAddress): boolean {
    return this.members.some((member) => member.admits(index, group, source));
  }

  hasGroup(index: number, group: IpAddress): boolean {
    return this.members.some((member) => member.hasJoined(index, group));
  }

  newMember(): GroupMember {
    const member = new FakeMember();
    this.members.push(member);
    return member;
  }
}

function keyOf(index: number, group: IpAddress): string {
  return `${index} ${group}`;
}
