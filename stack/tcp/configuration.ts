/**
 * What a socket's options say. Sockets that set none share one object; a connection that was
 * accepted shares that of its listener. Whoever changes something takes a copy first.
 *
 * @module
 */

import { PathMtuDiscovery } from "../option_names.ts";
import type { TcpSettings } from "./settings.ts";

/** What a program may choose for a socket. Times are in microseconds. */
export class Configuration {
  /** `SO_REUSEADDR`, `SO_REUSEPORT`. */
  reuseAddress = false;
  reusePort = false;
  /** `SO_KEEPALIVE`, `TCP_KEEPIDLE`, `TCP_KEEPINTVL`, `TCP_KEEPCNT`. */
  keepAlive = false;
  keepAliveIdle: number;
  keepAliveInterval: number;
  keepAliveCount: number;
  /**
   * `SO_LINGER`: -1 for none; 0 ends the connection by a reset. And its seconds as they were set.
   */
  linger = -1;
  lingerSeconds = 0;
  /** `TCP_LINGER2`: -1 for no FIN-WAIT-2 at all once the socket is closed. */
  finWait2: number;
  /** `TCP_SYNCNT`. */
  synRetries: number;
  /** `TCP_MAXSEG`, 0 for none. */
  maximumSegment = 0;
  /** `TCP_DEFER_ACCEPT`, 0 for none. */
  deferAccept = 0;
  /** `TCP_SAVE_SYN`: how much of a SYN is kept, one of `SaveSyn`. */
  saveSyn = 0;
  /** `TCP_FASTOPEN`: connections that are not confirmed yet; 0 turns it off. */
  fastOpenQueue = 0;
  /** `TCP_FASTOPEN_CONNECT`. */
  fastOpenConnect = false;
  /** `TCP_FASTOPEN_NO_COOKIE`. */
  fastOpenNoCookie = false;
  /** `IP_TOS`, `IPV6_TCLASS`. */
  typeOfService = 0;
  trafficClass = 0;
  /** `IP_TTL`, `IPV6_UNICAST_HOPS`: 0 for the stack's own. */
  timeToLive = 0;
  hopLimit = 0;
  /** `IP_MINTTL`, `IPV6_MINHOPCOUNT`: what comes with fewer hops left is dropped; 0 for none. */
  minimumTimeToLive = 0;
  minimumHops = 0;
  /** `IP_MTU_DISCOVER`, `IPV6_MTU_DISCOVER`: `IP_PMTUDISC_*`. */
  mtuDiscovery: number = PathMtuDiscovery.WANT;
  mtuDiscovery6: number = PathMtuDiscovery.WANT;
  /** `IPV6_V6ONLY`. */
  isIpv6Only = false;
  /** `IP_FREEBIND`, `IPV6_FREEBIND`: addresses that are nobody's may be bound to. */
  isFreeBind = false;
  /** Options that are kept and mean nothing to TCP: bits of `option_rows.ts`. */
  switches = 0;
  /** `SO_BINDTODEVICE`: the interface's index, 0 for none. */
  device = 0;
  /** `SO_MARK`, `SO_PRIORITY`. */
  mark = 0;
  priority = 0;
  /** `TCP_NODELAY`, `TCP_CORK`. */
  noDelay = false;
  cork = false;
  /** `SO_SNDBUF`, `SO_RCVBUF` in bytes of payload; 0 lets them tune themselves. */
  sendBuffer = 0;
  receiveBuffer = 0;
  /** `SO_RCVLOWAT`, `TCP_NOTSENT_LOWAT`, `TCP_WINDOW_CLAMP`; the last two are 0 for none. */
  receiveLowWater = 1;
  notSentLowWater = 0;
  windowClamp = 0;
  /** `TCP_USER_TIMEOUT`, 0 for none. */
  userTimeout = 0;
  /** `SO_OOBINLINE`. */
  isUrgentInline = false;
  /** `SO_MAX_PACING_RATE` in bytes a second. */
  maximumPacingRate = Infinity;
  /** `TCP_CONGESTION`. */
  congestionControl: string;

  /** What the stack's settings say. */
  constructor(settings: TcpSettings) {
    this.keepAliveIdle = settings.keepAliveIdle;
    this.keepAliveInterval = settings.keepAliveInterval;
    this.keepAliveCount = settings.keepAliveCount;
    this.finWait2 = settings.finWait2;
    this.synRetries = settings.synRetries;
    this.congestionControl = settings.congestionControl;
  }

  /** A copy, to be changed. */
  copy(): Configuration {
    return Object.assign(Object.create(Configuration.prototype), this);
  }
}
