"""Announces OSCQuery and OSC on the network by zeroconf (DNS service discovery over multicast), so
that clients list this machine by themselves."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

import ifaddr
from zeroconf import InterfaceChoice
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf


class Announcement:
    """Of a server bound to `host`, by its number. One on loopback is announced on loopback alone,
    and so to this machine alone."""

    def __init__(self, name: str, host: str, http_port: int, osc_port: int) -> None:
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
        """Takes a second or two. Raises OSError where multicast is not to be had."""
        self._zeroconf = AsyncZeroconf(interfaces=self._interfaces)
        # Cut off while it starts it would never close its sockets.
        await asyncio.shield(self._zeroconf.zeroconf.async_wait_for_start())
        for service in self._services:
            registered = await self._zeroconf.async_register_service(
                service, allow_name_change=True
            )
            await registered

    async def end(self) -> None:
        """May be called whatever became of `begin`."""
        if self._zeroconf:
            await self._zeroconf.zeroconf.async_wait_for_start()
            await self._zeroconf.async_unregister_all_services()
            await self._zeroconf.async_close()


def _own_addresses() -> list[str]:
    """This machine's numbers on its networks."""
    numbers = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4]
    return [str(n) for n in numbers if not ipaddress.ip_address(str(n)).is_loopback]
