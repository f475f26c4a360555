/**
 * Whose ports are whose, among shards of one host: what a director reads, and what sockets claim.
 * Who keeps that, and where, is the owner of the shards' matter.
 *
 * @module
 */

/** No shard has anything at a port. */
export const NOBODY = -1;
/** More than one shard has something there, or every one listens there. */
export const SEVERAL = -2;

/** Says whose ports are whose. */
export interface PortHolders {
  /**
   * Which shard holds a port.
   *
   * @param protocol TCP or UDP
   * @returns the only shard that does, {@linkcode NOBODY} or {@linkcode SEVERAL}
   */
  holderOf(protocol: number, port: number): number;
  /**
   * Chooses among several holders.
   *
   * @param hash of the flow, always the same for the same one
   * @returns one of them, {@linkcode NOBODY} where each flow has a shard by its hash anyway
   */
  choose(protocol: number, port: number, hash: number): number;
  /**
   * Which shard has raw sockets for a protocol.
   *
   * @returns the only shard that does, {@linkcode NOBODY} or {@linkcode SEVERAL}
   */
  rawHolderOf(protocol: number): number;
}

/** The ports of one protocol, as one shard claims them. */
export interface PortClaims {
  /** Whether what is bound now claims nothing: see `BindingFlag.UNCLAIMED`. */
  readonly isSuspended: boolean;
  /**
   * Claims a port for one more binding.
   *
   * @param flags bits of `BindingFlag`: what its holder allows, and what it is
   * @returns 0, or `-EADDRINUSE` when another shard has it and does not share it
   */
  claim(port: number, flags: number): number;
  /** What a binding allows, or does, has changed. @param before all its bits, as it was claimed */
  change(port: number, before: number, after: number): void;
  /** Gives up what was claimed for a binding. @param flags those that it had last */
  release(port: number, flags: number): void;
}
