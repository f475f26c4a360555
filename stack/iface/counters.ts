/**
 * What links count: every frame, and every one that was dropped, by reason.
 *
 * @module
 */

/** Counters of frames. */
export const LinkCounter = {
  RECEIVED: 0,
  RECEIVED_BYTES: 1,
  SENT: 2,
  SENT_BYTES: 3,
  /** The interface was down. */
  DROPPED_RECEIVED_DOWN: 4,
  /** Not a frame of Ethernet II. */
  DROPPED_MALFORMED: 5,
  /** For another station. */
  DROPPED_OTHER_STATION: 6,
  /** Tagged for a VLAN. */
  DROPPED_VLAN: 7,
  /** Of a type that is not known. */
  DROPPED_TYPE: 8,
  /** Of another version than 4 or 6, on a link without frames. */
  DROPPED_VERSION: 9,
  /** The interface was down. */
  DROPPED_SENT_DOWN: 10,
  /** The queue to the port was full. */
  DROPPED_QUEUE_FULL: 11,
  /** No packet was left for a header or padding. */
  DROPPED_NO_PACKET: 12,
  /** A packet for segmentation, but nothing that segments. */
  DROPPED_SEGMENTATION: 13,
  /** Headers that needed a packet of their own. */
  SEPARATE_HEADERS: 14,
  /** Packets that were taken apart here. */
  SEGMENTED: 15,
  /** Checksums that were completed here. */
  CHECKSUMS_COMPLETED: 16,
  /** For an index without an interface. */
  DROPPED_NO_INTERFACE: 17,
} as const;

/** Counters of one family's neighbours. */
export const NeighbourCounter = {
  /** Entries that were made. */
  CREATED: 0,
  /** Entries that gave way to others. */
  EVICTED: 1,
  /** Entries that found no room. */
  REFUSED: 2,
  /** Requests to groups or everybody. */
  SOLICITED: 3,
  /** Requests to the neighbour itself. */
  PROBED: 4,
  /** Requests that waited because too many were sent. */
  SOLICITATIONS_LIMITED: 5,
  /** Neighbours that were given up. */
  UNREACHABLE: 6,
  /** Packets that wait for an address. */
  QUEUED: 7,
  /** Packets that gave way to newer ones. */
  DROPPED_PENDING_OLDEST: 8,
  /** Packets that found too many waiting. */
  DROPPED_PENDING_TOTAL: 9,
  /** Packets for neighbours that did not answer. */
  DROPPED_UNREACHABLE: 10,
  /** Packets that waited when their entry was removed. */
  DROPPED_REMOVED: 11,
} as const;

/** Counters of ARP. */
export const ArpCounter = {
  RECEIVED: 0,
  DROPPED_MALFORMED: 1,
  /** The sender is an address that nobody can have. */
  DROPPED_SENDER: 2,
  /** Nothing for us. */
  DROPPED_NOT_FOR_US: 3,
  /** Answers that were not sent because there were too many. */
  DROPPED_LIMITED: 4,
  /** No packet was left. */
  DROPPED_NO_PACKET: 5,
  REQUESTS_SENT: 6,
  REPLIES_SENT: 7,
  PROBES_SENT: 8,
  ANNOUNCEMENTS_SENT: 9,
  /** Others that have an address of ours, or want it. */
  CONFLICTS: 10,
  /** Announcements that defended an address. */
  DEFENCES: 11,
  /** From a frame of our own. */
  DROPPED_OWN: 12,
} as const;

/** Counters of neighbour discovery. */
export const NdpCounter = {
  RECEIVED: 0,
  DROPPED_MALFORMED: 1,
  /** For an address that is not ours. */
  DROPPED_NOT_FOR_US: 2,
  /** About a neighbour that we never talked to. */
  DROPPED_UNKNOWN_NEIGHBOUR: 3,
  /** An advertisement without a link-layer address where one is needed. */
  DROPPED_NO_LINK_LAYER: 4,
  /** Answers that were not sent because there were too many. */
  DROPPED_LIMITED: 5,
  /** No packet was left. */
  DROPPED_NO_PACKET: 6,
  SOLICITATIONS_SENT: 7,
  ADVERTISEMENTS_SENT: 8,
  DETECTIONS_SENT: 9,
  ROUTER_SOLICITATIONS_SENT: 10,
  ROUTER_ADVERTISEMENTS_RECEIVED: 11,
  /** Router advertisements that a router, or an interface without autoconfiguration, ignores. */
  DROPPED_ROUTER_ADVERTISEMENT: 12,
  /** Redirects that were not believed. */
  DROPPED_REDIRECT: 13,
  REDIRECTED: 14,
  /** Addresses that somebody else has. */
  DUPLICATES: 15,
  /** Detections of our own that came back. RFC 7527. */
  DROPPED_LOOPED_BACK: 16,
  /** Prefixes, routes, routers or servers that found no room. */
  AUTOCONFIGURATION_REFUSED: 17,
  /** Options of advertisements that were ignored. */
  OPTIONS_IGNORED: 18,
  /** Messages that only routers take. */
  DROPPED_FOR_ROUTERS: 19,
  /** Unsolicited advertisements of own addresses. */
  UNSOLICITED_SENT: 20,
  ROUTER_ADVERTISEMENTS_SENT: 21,
} as const;
