"""Announce OSCQuery and OSC by zeroconf, so that clients find this machine by themselves.

Zeroconf is DNS service discovery over multicast.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket

import ifaddr
from zeroconf import InterfaceChoice
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf


class Announcement:
    """Announce a server bound to `host`, an IP address.

    One on loopback is announced on loopback only, and so to this machine only."""

    def __init__(self, name: str, host: str, http_port: int, osc_port: int) -> None:
        """Prepare the services; a port of 0 is not announced."""
        self._zeroconf: AsyncZeroconf | None = None
        everywhere = ipaddress.ip_address(host).is_unspecified
        self._interfaces = InterfaceChoice.All if everywhere else [host]
        addresses = _own_addresses() if everywhere else [host]
        ports = {"_oscjson._tcp.local.": http_port, "_osc._udp.local.": osc_port}
        self._services = [
            AsyncServiceInfo(
                kind,
                f"{name}.{kind}",
                port=port,
                parsed_addresses=addresses,
                server=f"{socket.gethostname().partition('.')[0]}-liveflight.local.",
            )
            for kind, port in ports.items()
            if port
        ]

    async def begin(self) -> None:
        """Announce, which takes a second or two. Raises OSError without multicast."""
        self._zeroconf = AsyncZeroconf(interfaces=self._interfaces)
        # Cancelled during its start, it would never close its sockets.
        await asyncio.shield(self._zeroconf.zeroconf.async_wait_for_start())
        for service in self._services:
            registered = await self._zeroconf.async_register_service(
                service, allow_name_change=True
            )
            await registered

    async def end(self) -> None:
        """Withdraw the announcement; allowed even if `begin` failed."""
        if self._zeroconf:
            await self._zeroconf.zeroconf.async_wait_for_start()
            await self._zeroconf.async_unregister_all_services()
            await self._zeroconf.async_close()


def _own_addresses() -> list[str]:
    """Return this machine's IPv4 addresses on its networks."""
    numbers = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4]
    return [str(n) for n in numbers if not ipaddress.ip_address(str(n)).is_loopback]
