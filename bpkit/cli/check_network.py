"""Check the way to the exchange: a proxy, the trusted certificates, the address, encryption."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from ..network import probe
from ..network.failures import Failure
from ..network.route import Route, route_to
from .report import Line

_PATIENCE = 5.0  # seconds to connect


def network_lines(url: str) -> Iterator[Line]:
    """A line for each step of the way to an exchange on another computer. No request is sent.

    After a step that fails, the others are skipped.
    """
    route = route_to(url)
    steps: dict[str, Callable[[str, Route], Line]] = {
        "proxy": _proxy, "trust": _certificates, "address": _address, "TLS": _encryption,
    }  # fmt: skip
    failed = ""
    for name, step in steps.items():
        if failed:
            yield Line("skip", name, f"not tried, because the check of {failed!r} failed")
            continue
        line = step(url, route)
        yield line
        failed = name if line.mark == "fix" else ""


def _proxy(url: str, route: Route) -> Line:
    if not route.proxy:
        return Line("ok", "proxy", "none is set")
    source = probe.proxy_source(route)
    try:
        probe.reach_proxy(url, route, _PATIENCE)
    except Failure as failure:
        remedy = "Correct or remove that setting, or name the exchange's host in NO_PROXY."
        return Line("fix", "proxy", f"from {source}: {failure.reason}", remedy)
    return Line("ok", "proxy", f"{route.shown_proxy}, from {source}; it is reached")


def _certificates(url: str, route: Route) -> Line:
    if route.verify is True:
        return Line("ok", "trust", "the certificates of the package certifi")
    try:
        route.check()
    except Failure as failure:
        return Line("fix", "trust", failure.reason)
    return Line("ok", "trust", f"the certificates in {route.verify}, from {route.verify_from}")


def _address(url: str, route: Route) -> Line:
    name = urlsplit(url).hostname
    if route.proxy:
        return Line("skip", "address", f"not asked, because the proxy looks up {name}")
    try:
        found = probe.addresses(url)
    except Failure as failure:
        remedy = "Check that this machine is on the internet, and its DNS settings."
        return Line("fix", "address", failure.reason, remedy)
    return Line("ok", "address", f"{name} is at {', '.join(found[:3])}")


def _encryption(url: str, route: Route) -> Line:
    if route.proxy and not route.shown_proxy.startswith("http:"):
        return Line("skip", "TLS", "not tried by itself, because the proxy is not an http:// one")
    try:
        return Line("ok", "TLS", probe.encryption(url, route, _PATIENCE))
    except Failure as failure:
        remedy = "Check that no firewall or proxy is in the way."
        if "is not trusted" in failure.reason:
            remedy = (
                "The network of a company or school may open encrypted connections. Ask there for "
                "its certificate file, and name it in REQUESTS_CA_BUNDLE."
            )
        return Line("fix", "TLS", failure.reason, remedy)
