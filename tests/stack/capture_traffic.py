"""Traffic that takes socket options or raw sockets, for capture_golden.ts.

Each subcommand does one thing and ends: `python3 capture_traffic.py <subcommand> <arguments>`.
The packets that are taken as golden ones are the kernel's own; what is sent through raw sockets
here only provokes its answers.
"""

import array
import fcntl
import signal
import socket
import struct
import sys
import time

SIOCETHTOOL = 0x8946
# ETHTOOL_STXCSUM, STSO, SGSO, SGRO: with them, checksums and segments are not yet made on a veth.
OFFLOADS = (0x17, 0x1F, 0x24, 0x2C)
MCAST_JOIN_SOURCE_GROUP = 46
MCAST_JOIN_GROUP = 42
IPV6_RTHDR = 57
IPV6_HOPOPTS = 54
IPV6_DSTOPTS = 59
SO_NO_CHECK = 11
TCP_FASTOPEN = 23
MSG_FASTOPEN = 0x20000000
IPPROTO_MPTCP = 262
LIMIT_SECONDS = 20
GREETING = b"hello, golden\n"


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def offload_off(device):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in OFFLOADS:
            value = array.array("B", struct.pack("II", command, 0))
            request = struct.pack("16sP14x", device.encode(), value.buffer_info()[0])
            fcntl.ioctl(control, SIOCETHTOOL, request)


def udp(address, port, source_port, size, *flags):
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as endpoint:
        if "no-checksum" in flags:
            endpoint.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
        if "destination-options" in flags:
            # An experimental option that may be skipped (RFC 4727), and the padding behind it.
            option = bytes((0, 0, 0x1E, 4, 1, 2, 3, 4))
            endpoint.setsockopt(socket.IPPROTO_IPV6, IPV6_DSTOPTS, option)
        if "hop-by-hop" in flags:
            option = bytes((0, 0, 5, 2, 0, 0, 1, 0))
            endpoint.setsockopt(socket.IPPROTO_IPV6, IPV6_HOPOPTS, option)
        if "routing" in flags:
            # Segment routing (RFC 8754) over one segment; the last one is the destination.
            header = struct.pack("!BBBBBBH", 0, 4, 4, 1, 1, 0, 0)
            segments = bytes(16) + socket.inet_pton(socket.AF_INET6, flags[-1])
            endpoint.setsockopt(socket.IPPROTO_IPV6, IPV6_RTHDR, header + segments)
        endpoint.bind(("", int(source_port)))
        endpoint.sendto(GREETING * (int(size) // len(GREETING)), (address, int(port)))


def tcp_serve(address, port, *flags):
    """Takes one connection after the other, until it is killed, and sends back what comes."""
    protocol = IPPROTO_MPTCP if "mptcp" in flags else socket.IPPROTO_TCP
    with socket.socket(family_of(address), socket.SOCK_STREAM, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if protocol == socket.IPPROTO_TCP:
            listener.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)
        listener.bind((address, int(port)))
        listener.listen(16)
        print("listening", flush=True)
        while True:
            stream, _ = listener.accept()
            with stream:
                while data := stream.recv(65536):
                    stream.sendall(data)


def tcp(address, port, source_port, *flags):
    """Connects, sends a greeting, reads it back and closes."""
    protocol = IPPROTO_MPTCP if "mptcp" in flags else socket.IPPROTO_TCP
    with socket.socket(family_of(address), socket.SOCK_STREAM, protocol) as stream:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stream.bind(("", int(source_port)))
        sent = GREETING
        if "fast-open" in flags:
            stream.sendto(sent, MSG_FASTOPEN, (address, int(port)))
        else:
            try:
                stream.connect((address, int(port)))
            except ConnectionRefusedError:
                return
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if "bulk" in flags:
                sent = bytes(8 * 1000)
                for _ in range(8):
                    stream.sendall(bytes(1000))
            else:
                stream.sendall(sent)
        left = len(sent)
        while left > 0:
            left -= len(stream.recv(65536))
        if "urgent" in flags:
            # The last byte is the urgent one, which the other side reads and echoes not.
            stream.send(GREETING + b"!", socket.MSG_OOB)
            stream.recv(len(GREETING))


def join(group, device, seconds, *sources):
    """Listens to a group, from some sources only if any are given, and leaves."""
    family = family_of(group)
    level = socket.IPPROTO_IPV6 if family == socket.AF_INET6 else socket.IPPROTO_IP

    def storage(address):
        packed = socket.inet_pton(family, address)
        if family == socket.AF_INET6:
            name = struct.pack("=HHI16sI", family, 0, 0, packed, 0)
        else:
            name = struct.pack("=HH4s", family, 0, packed)
        return name.ljust(128, b"\0")

    index = socket.if_nametoindex(device)
    with socket.socket(family, socket.SOCK_DGRAM) as endpoint:
        if not sources:
            request = struct.pack("I4x", index) + storage(group)
            endpoint.setsockopt(level, MCAST_JOIN_GROUP, request)
        for source in sources:
            request = struct.pack("I4x", index) + storage(group) + storage(source)
            endpoint.setsockopt(level, MCAST_JOIN_SOURCE_GROUP, request)
        time.sleep(float(seconds))


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def icmp_timestamp(address):
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        rest = struct.pack("!HHIII", 0x1234, 1, 1000, 0, 0)
        sum_ = checksum(struct.pack("!BBH", 13, 0, 0) + rest)
        raw.sendto(struct.pack("!BBH", 13, 0, sum_) + rest, (address, 0))


def bad_option(source, address):
    """A packet whose record route has a pointer into its own header."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        options = bytes((7, 7, 2, 0, 0, 0, 0, 0))
        header = struct.pack(
            "!BBHHHBBH4s4s",
            *(0x47, 0, 36, 1, 0, 64, 17, 0),
            *(socket.inet_aton(source), socket.inet_aton(address)),
        )
        raw.sendto(header + options + struct.pack("!HHHH", 9, 9, 8, 0), (address, 0))


def next_header(address, protocol):
    """A packet of a protocol that nobody has."""
    family = family_of(address)
    with socket.socket(family, socket.SOCK_RAW, int(protocol)) as raw:
        raw.sendto(GREETING, (address, 0))


SUBCOMMANDS = (
    offload_off,
    udp,
    tcp_serve,
    tcp,
    join,
    icmp_timestamp,
    bad_option,
    next_header,
)

if __name__ == "__main__":
    if sys.argv[1] != "tcp_serve":
        signal.alarm(LIMIT_SECONDS)
    chosen = {function.__name__: function for function in SUBCOMMANDS}
    chosen[sys.argv[1]](*sys.argv[2:])
