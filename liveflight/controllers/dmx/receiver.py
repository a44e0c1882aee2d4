"""Receive DMX datagrams on a thread, merge their sources, and pass the levels on."""

from __future__ import annotations

import logging
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from liveflight.controllers.dmx.merge import Merge
from liveflight.controllers.dmx.packets import DmxError, DmxProtocol, Levels
from liveflight.controllers.logged_once import LoggedOnce
from liveflight.controllers.osc.packets import PacketError
from liveflight.controllers.osc.rate_limiter import RateLimiter
from liveflight.controllers.osc.sockets import all_loopback, bind_all, is_loopback, plain_ip

log = logging.getLogger(__name__)

TICK_S = 0.1
"""Seconds between two calls of `tick` at most."""
_MAX_BYTES = 1500
"""Longest datagram that is read; those of the protocols are shorter."""
_PACKETS_PER_S, _SENDER_PACKETS_PER_S = 1000, 60
"""Packets read per second: in all and, when those are spent, still of each sender.

A universe has at most 44. A flood then cannot take the frame loop's time."""
_FLOOD_PAUSE_S = 0.02
_MAX_LOGGED = 16
"""Kinds of bad packet that are logged, each once; all are counted."""


class DmxReceiver:
    """Listen to one universe."""

    def __init__(
        self,
        protocol: DmxProtocol,
        universe: int,
        host: str,
        port: int,
        clock: Callable[[], float],
    ) -> None:
        """Take the settings. `port` 0 lets the system choose; `clock`: seconds."""
        self._protocol, self._universe = protocol, universe
        self._host, self.port, self._clock = host, port, clock
        self._merge = Merge(protocol.timeout_s)
        self._limit = RateLimiter(_PACKETS_PER_S, clock, _SENDER_PACKETS_PER_S)
        self._thread: threading.Thread | None = None
        self._faults = LoggedOnce(log, _MAX_LOGGED)
        self.refused = 0
        """Datagrams refused since the start."""
        self.other: int | None = None
        """Another universe that is being sent, if one is."""
        self.heard = False
        """Whether the universe was ever received."""

    @property
    def listening(self) -> bool:
        return self._thread is not None

    @property
    def sources(self) -> int:
        """Return how many sources send to the universe now."""
        return self._merge.sources

    def open(self, take: Callable[[bytes], None], tick: Callable[[], None]) -> None:
        """Start to listen. Raises LiveflightError if the port is taken or the host not ours.

        On the receiving thread, `take` gets the merged levels after each packet, and `tick` is
        called at least every TICK_S."""
        with ExitStack() as opened:
            self._sockets = [opened.enter_context(one) for one in self._listeners()]
            self._wake, self._woken = map(opened.enter_context, socket.socketpair())
            loop = threading.Thread(target=self._loop, args=(take, tick), name="dmx", daemon=True)
            loop.start()
            opened.pop_all()
        self._thread = loop
        if not all_loopback(self._sockets):
            name = self._protocol.name
            log.warning("%s on %s: every machine there can move the controls", name, self._host)

    def close(self) -> None:
        """End the thread. May be called twice, and without `open`."""
        if self._thread is None:
            return
        self._wake.close()
        self._thread.join()
        self._woken.close()
        for ours in self._sockets:
            ours.close()
        self._thread = None

    def _listeners(self) -> list[socket.socket]:
        """Return the bound sockets, with one for the multicast group where there is one."""
        name = self._protocol.name
        ours = bind_all(self._host, self.port, socket.SOCK_DGRAM, name, "--dmx-host")
        self.port = ours[0].getsockname()[1]
        group, first = self._protocol.group(self._universe), ours[0].getsockname()[0]
        if not group or is_loopback(first) or ours[0].family is not socket.AF_INET:
            return ours
        with ExitStack() as opened:
            for one in ours:
                opened.enter_context(one)
            if first == "0.0.0.0":
                _join(ours[0], group, first)
            else:
                ours.append(opened.enter_context(_group_socket(group, self.port)))
                _join(ours[-1], group, first)
            opened.pop_all()
        return ours

    def _loop(self, take: Callable[[bytes], None], tick: Callable[[], None]) -> None:
        with selectors.DefaultSelector() as selector:
            for waited in (*self._sockets, self._woken):
                selector.register(waited, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select(TICK_S)]
                if self._woken in ready:
                    return
                for ours in self._sockets:
                    if ours in ready:
                        self._guarded(partial(self._receive, ours, take))
                sources = self.sources
                if self._merge.expire(self._clock()):
                    self._guarded(partial(self._pass_on, take, sources))
                self._guarded(tick)

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except BlockingIOError:
            pass
        except DmxError as error:
            self._refuse(str(error))
        except PacketError as error:
            self._refuse(str(error))
            time.sleep(_FLOOD_PAUSE_S)  # the system drops datagrams at less cost than we do
        except OSError as error:
            self._refuse(f"the system gave an error: {error}")
            time.sleep(_FLOOD_PAUSE_S)
        except Exception as error:
            self._refuse(f"a bug, please report it: {error!r}")

    def _refuse(self, why: str) -> None:
        self.refused += 1
        self._faults.warn(f"{self._protocol.name} packet refused: {why}")

    def _receive(self, ours: socket.socket, take: Callable[[bytes], None]) -> None:
        datagram, address = ours.recvfrom(_MAX_BYTES + 1)
        host = plain_ip(address[0])
        self._limit.consume(1, "packets come faster than they are read", host)
        packet = self._protocol.read(datagram, host)
        if packet is None:
            return
        if packet.universe != self._universe:
            self.other = packet.universe
            return
        self._put(packet, host, take)

    def _put(self, packet: Levels, host: str, take: Callable[[bytes], None]) -> None:
        before = self.sources
        self._merge.put(packet, self._clock())
        if self.sources and not before:
            self.heard = True
            log.warning("%s comes from %s", self._shown, host)
        self._pass_on(take, before)

    def _pass_on(self, take: Callable[[bytes], None], before: int) -> None:
        """Pass the merged levels on; there were that many sources `before`."""
        if self.sources:
            take(self._merge.levels())
        elif before:
            log.warning("%s comes no more: the last levels stay", self._shown)

    @property
    def _shown(self) -> str:
        return f"{self._protocol.name} universe {self._universe}"


def _join(ours: socket.socket, group: str, interface: str) -> None:
    """Join a multicast group on the interface of that IPv4 address."""
    member = socket.inet_aton(group) + socket.inet_aton(interface)
    ours.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)


def _group_socket(group: str, port: int) -> socket.socket:
    """Return a non-blocking socket that receives what is sent to a group only."""
    ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Windows binds to no group, and then hears the other interfaces, too.
        ours.bind(("" if sys.platform == "win32" else group, port))
    except OSError:
        ours.close()
        raise
    return ours
