/**
 * The options of sockets: their names, the types of their values, and which sockets have them.
 * Sources: `socket(7)`, `tcp(7)`, `udp(7)`, `ip(7)`, `ipv6(7)`.
 *
 * @module
 */

/** How an idle peer is probed (`TCP_KEEPIDLE`, `TCP_KEEPINTVL`, `TCP_KEEPCNT` of `tcp(7)`). */
export interface KeepAlive {
  /** Seconds of silence before the first probe, 1 to 32767. */
  readonly idleSeconds: number;
  /** Seconds between probes, 1 to 32767. */
  readonly intervalSeconds: number;
  /** Probes without an answer before the connection ends with ETIMEDOUT, 1 to 127. */
  readonly count: number;
}

/**
 * What is done about the largest packet of the path (`IP_MTU_DISCOVER` of `ip(7)`):
 * `"want"` sets the DF bit and keeps to the path's limit, splitting datagrams that are larger; `"do"`
 * sets it and refuses larger datagrams; `"dont"` leaves it out; `"probe"` ignores the limit, with the
 * bit in datagrams and without it in TCP.
 */
export type MtuDiscovery = "want" | "do" | "dont" | "probe";

/** The options of streams and listeners, and the types of their values. */
export interface OptionValues {
  /** `TCP_NODELAY`: send small segments at once; on for TCP unless said otherwise. */
  noDelay: boolean;
  /**
   * `SO_KEEPALIVE`: probe an idle peer. `true` takes the numbers the socket has, the system's unless
   * it was given others; it reads back as `true` while they are the system's, else as the numbers.
   */
  keepAlive: boolean | KeepAlive;
  /** `SO_REUSEADDR`: bind although older connections linger; on by default for listeners. */
  reuseAddress: boolean;
  /** `SO_REUSEPORT`: let several sockets share the port. */
  reusePort: boolean;
  /** `TCP_CORK`: hold back segments that are not full, for at most 200 ms. */
  cork: boolean;
  /** `TCP_QUICKACK`: acknowledge at once. Linux turns it off again when it sees fit. */
  quickAck: boolean;
  /** `IPV6_V6ONLY`: whether a socket of IPv6 leaves IPv4 alone. */
  ipv6Only: boolean;
  /** `IP_PKTINFO`, `IPV6_RECVPKTINFO`: tell where each datagram was sent to. Datagrams only. */
  packetInfo: boolean;
  /** `SO_ZEROCOPY`: allow `MSG_ZEROCOPY` sends. */
  zeroCopy: boolean;
  /** `SO_LINGER`: seconds to wait for unsent data at close; 0 resets; null is the default. */
  lingerSeconds: number | null;
  /** `SO_RCVBUF` in bytes; Linux doubles it for its own book-keeping, and so it reads back. */
  receiveBufferBytes: number;
  /** `SO_SNDBUF` in bytes; Linux doubles it too. */
  sendBufferBytes: number;
  /** `TCP_USER_TIMEOUT`: milliseconds that sent bytes may go unacknowledged; 0: the system's. */
  userTimeoutMs: number;
  /** `IP_TTL`: how many routers a packet may pass, 1 to 255. IPv4. */
  timeToLive: number;
  /** `IPV6_UNICAST_HOPS`: how many routers a packet may pass, 1 to 255. IPv6. */
  hopLimit: number;
  /** `IP_TOS`: DSCP in the upper six bits; the lower two are ECN, which TCP sets itself. IPv4. */
  typeOfService: number;
  /** `IPV6_TCLASS`: the same for IPv6. */
  trafficClass: number;
  /**
   * `TCP_FASTOPEN` of a listener: how many connections may bring data in their SYN before the
   * handshake is done; 0 turns it off. `TCP_FASTOPEN_CONNECT` of a stream: 1 makes `connect` wait
   * for nothing once the peer is known to allow it, and the first `send` make the connection.
   */
  fastOpen: number;
  /** `TCP_DEFER_ACCEPT`: seconds to wait for a connection's first bytes. Listeners only. */
  deferAcceptSeconds: number;
  /** `TCP_MAXSEG`: the largest segment to announce, 88 to 32767 bytes. */
  maxSegmentBytes: number;
  /** `TCP_NOTSENT_LOWAT`: unsent bytes below which more are asked for; 0: the system's. */
  notSentLowWaterBytes: number;
  /** `SO_MARK`: what filters and routes know the packets by; needs CAP_NET_ADMIN. */
  mark: number;
  /** `SO_PRIORITY`: the class of the packets in the queue; above 6 needs CAP_NET_ADMIN. */
  priority: number;
  /** `SO_INCOMING_CPU`: the processor that packets arrive at, -1 while unknown. */
  incomingCpu: number;
  /** `SO_BUSY_POLL`: microseconds to poll the device; older kernels ask for CAP_NET_ADMIN. */
  busyPollMicroseconds: number;
  /** `IP_MTU_DISCOVER`, `IPV6_MTU_DISCOVER`: what to do about the largest packet of the path. */
  mtuDiscovery: MtuDiscovery;
  /** `TCP_CONGESTION`: the name of the algorithm, such as `"cubic"`. */
  congestionControl: string;
  /** `SO_BINDTODEVICE`: the name of the interface to be bound to, `""` for none. */
  device: string;
}

/** The options that only datagram sockets have. */
export interface DatagramOnlyValues {
  /** `SO_BROADCAST`: allow datagrams to broadcast addresses. IPv4. */
  broadcast: boolean;
  /** `IP_MULTICAST_LOOP`, `IPV6_MULTICAST_LOOP`: hear one's own multicasts; on by default. */
  multicastLoop: boolean;
  /** `IP_MULTICAST_TTL`: how many routers a multicast may pass, 0 to 255; 1 by default. IPv4. */
  multicastTimeToLive: number;
  /** `IPV6_MULTICAST_HOPS`: the same for IPv6. */
  multicastHops: number;
  /**
   * `IP_MULTICAST_IF`: the IPv4 address of the interface that multicasts leave by, `"0.0.0.0"` for
   * the system's choice. `IPV6_MULTICAST_IF`: the interface's index, 0 for the system's choice.
   */
  multicastInterface: string | number;
  /** `IP_RECVERR`, `IPV6_RECVERR`: queue the ICMP errors that datagrams cause. */
  receiveErrors: boolean;
}

/** The name of an option. */
export type OptionName = keyof OptionValues;
/** The value of an option. */
export type OptionValue<K extends AnyOptionName> = AnyOptionValues[K];

/** The name of an option where a listener is asked; `quickAck` and `packetInfo` are ENOTSUP. */
export type ListenOptionName = OptionName;

/** The options that `connect` takes. */
export type StreamOptionValues = Omit<OptionValues, "packetInfo" | "deferAcceptSeconds">;
/** The options that `listen` takes; connections inherit what the kernel lets them. */
export type ListenOptionValues = Omit<OptionValues, "packetInfo" | "quickAck">;

/** The options of datagram sockets. */
export interface DatagramOptionValues extends
  DatagramOnlyValues,
  Pick<
    OptionValues,
    | "reuseAddress"
    | "reusePort"
    | "ipv6Only"
    | "packetInfo"
    | "zeroCopy"
    | "receiveBufferBytes"
    | "sendBufferBytes"
    | "timeToLive"
    | "hopLimit"
    | "typeOfService"
    | "trafficClass"
    | "mark"
    | "priority"
    | "incomingCpu"
    | "busyPollMicroseconds"
    | "mtuDiscovery"
    | "device"
  > {}

/** The name of an option of datagram sockets. */
export type DatagramOptionName = keyof DatagramOptionValues;

/** All options there are. */
export interface AnyOptionValues extends OptionValues, DatagramOnlyValues {}
/** The name of any option. */
export type AnyOptionName = keyof AnyOptionValues;

/** What a socket is, as far as its options go. */
export type SocketKind = "stream" | "listener" | "datagram";
