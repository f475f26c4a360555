/**
 * What links count, and what they say about a single frame.
 *
 * @module
 */

/** What became of the frames of one direction of a link. */
export const LinkCounter = {
  /** Frames that a node put on the link, and their bytes. */
  SENT: 0,
  SENT_BYTES: 1,
  /** Frames that the other node was given, and their bytes. */
  DELIVERED: 2,
  DELIVERED_BYTES: 3,
  /** Lost on the wire. */
  DROPPED_LOST: 4,
  /** Longer than the link's MTU. */
  DROPPED_TOO_LONG: 5,
  /** The queue had no room. */
  DROPPED_QUEUE_FULL: 6,
  /** RED thought it better. */
  DROPPED_EARLY: 7,
  /** CoDel found that it had waited for too long. */
  DROPPED_LATE: 8,
  /** The link was down. */
  DROPPED_DOWN: 9,
  /** The network's arena, or the wire, has no room for one more frame. */
  DROPPED_NO_ROOM: 10,
  /** The node takes no more frames at a time. */
  DROPPED_RECEIVER: 11,
  /** One bit is not what it was. */
  CORRUPTED: 12,
  DUPLICATED: 13,
  /** Held back, so that later frames overtake it. */
  REORDERED: 14,
  /** Marked with "congestion experienced" instead of being dropped. */
  MARKED: 15,
} as const;

/** What one direction of a link counted: frames, unless the name says bytes. */
export interface LinkCounters {
  /** Put on the link by a node. */
  readonly SENT: number;
  /** Their bytes. */
  readonly SENT_BYTES: number;
  /** Given to the other node. */
  readonly DELIVERED: number;
  /** Their bytes. */
  readonly DELIVERED_BYTES: number;
  /** Lost on the wire. */
  readonly DROPPED_LOST: number;
  /** Longer than the MTU. */
  readonly DROPPED_TOO_LONG: number;
  /** The queue had no room. */
  readonly DROPPED_QUEUE_FULL: number;
  /** Dropped by RED. */
  readonly DROPPED_EARLY: number;
  /** Dropped by CoDel. */
  readonly DROPPED_LATE: number;
  /** Lost because the link was cut. */
  readonly DROPPED_DOWN: number;
  /** The network had no packet left for them. */
  readonly DROPPED_NO_ROOM: number;
  /** The node takes no more at a time. */
  readonly DROPPED_RECEIVER: number;
  /** One bit was changed. */
  readonly CORRUPTED: number;
  /** Delivered twice. */
  readonly DUPLICATED: number;
  /** Held back. */
  readonly REORDERED: number;
  /** Marked with "congestion experienced". */
  readonly MARKED: number;
}

/** What happened to one frame on a link: bits. */
export const Fate = {
  LOST: 1 << 0,
  TOO_LONG: 1 << 1,
  QUEUE_FULL: 1 << 2,
  EARLY: 1 << 3,
  LATE: 1 << 4,
  DOWN: 1 << 5,
  NO_ROOM: 1 << 6,
  RECEIVER: 1 << 7,
  CORRUPTED: 1 << 8,
  DUPLICATED: 1 << 9,
  REORDERED: 1 << 10,
  MARKED: 1 << 11,
} as const;

/** The bits of {@linkcode Fate} that mean that it does not arrive. */
export const DROPPED: number = Fate.LOST | Fate.TOO_LONG | Fate.QUEUE_FULL | Fate.EARLY |
  Fate.LATE | Fate.DOWN | Fate.NO_ROOM | Fate.RECEIVER;

const WORDS: readonly (readonly [bit: number, words: string])[] = [
  [Fate.LOST, "lost on the wire"],
  [Fate.TOO_LONG, "dropped: longer than the MTU"],
  [Fate.QUEUE_FULL, "dropped: the queue is full"],
  [Fate.EARLY, "dropped early by RED"],
  [Fate.LATE, "dropped by CoDel"],
  [Fate.DOWN, "dropped: the link is down"],
  [Fate.NO_ROOM, "dropped: no room for one more frame"],
  [Fate.RECEIVER, "dropped: the receiver takes no more"],
  [Fate.CORRUPTED, "corrupted"],
  [Fate.DUPLICATED, "duplicated"],
  [Fate.REORDERED, "held back"],
  [Fate.MARKED, "marked: congestion experienced"],
];

/** What happened to a frame, in words; "" when nothing did. */
export function describeFate(fate: number): string {
  return WORDS.filter(([bit]) => (fate & bit) !== 0).map(([, words]) => words).join(", ");
}

/** The counter of each bit of {@linkcode Fate}. */
export const FATE_COUNTERS: Uint8Array = Uint8Array.of(
  LinkCounter.DROPPED_LOST,
  LinkCounter.DROPPED_TOO_LONG,
  LinkCounter.DROPPED_QUEUE_FULL,
  LinkCounter.DROPPED_EARLY,
  LinkCounter.DROPPED_LATE,
  LinkCounter.DROPPED_DOWN,
  LinkCounter.DROPPED_NO_ROOM,
  LinkCounter.DROPPED_RECEIVER,
  LinkCounter.CORRUPTED,
  LinkCounter.DUPLICATED,
  LinkCounter.REORDERED,
  LinkCounter.MARKED,
);
