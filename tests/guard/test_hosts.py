"""The host of an address: every library reads the same one, or the address is refused."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
import requests
import urllib3
from helpers import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bpkit import LIVE_URL, GuardError
from bpkit.guard.hosts import Host, check_host

TRUSTED = "evil.example"
# Each is read differently by two libraries, or connects somewhere that its text does not show.
ODD = [
    "http://[::1].evil.example",
    "http://[::1]evil.example",
    "http://[::1]:80evil.example",
    "http://[::1%25eth0]",
    "http://[fe80::1%eth0]",
    "http://[::1",
    "http://::1",
    "http://[127.0.0.1]",
    "http://[localhost]",
    "http://[v1.evil]",
    "http://127.0.0.1\\@evil.example",
    "http://127.0.0.1\\.evil.example",
    "http://evil.example#@127.0.0.1",
    "http://evil.example?@127.0.0.1",
    "http://evil.example/@127.0.0.1",
    "http://127.0.0.1@evil.example",
    "http://evil.example@127.0.0.1",
    "http://evil.example:80@127.0.0.1",
    "http://@127.0.0.1",
    "http://127.0.0.1;evil.example",
    "http://127.0.0.1,evil.example",
    "http://127.0.0.1 .evil.example",
    " http://127.0.0.1",
    "http://127.0.0.1 ",
    "http://127.0.0.1\n",
    "http://127.0.0.1\t.evil.example",
    "http://127.0.0.1\x00.evil.example",
    "ht\ntp://127.0.0.1",
    "http:\\\\127.0.0.1",
    "http:/127.0.0.1",
    "http:127.0.0.1",
    "http:///127.0.0.1",
    "//127.0.0.1",
    "localhost",
    "localhost:8787",
    "http://localhost.",
    "http://.localhost",
    "http://localhost..",
    "http://local%68ost",
    "http://127.0.0.1%2eevil.example",
    "http://127%2e0.0.1",
    "http://0x7f.1",
    "http://0x7f000001",
    "http://0x",
    "http://2130706433",
    "http://127.1",
    "http://127.0.1",
    "http://127.0.0.01",
    "http://0177.0.0.1",
    "http://127.0.0.256",
    "http://127.0.0.1.1",
    "http://127.0.0.1.",
    "https://evil.1",
    "http://\uff11\uff12\uff17.0.0.1",
    "http://127\u30020\u30020\u30021",
    "http://127\uff0e0\uff0e0\uff0e1",
    "http://\u2460\u2461\u2466.0.0.1",
    "http://loca\u217chost",
    "http://LOCALHO\u017fT",
    "https://evil.example\u2100",
    "https://ev\u200dil.example",
    "http://127.0.0.1:",
    "http://127.0.0.1:0",
    "http://127.0.0.1:99999",
    "http://127.0.0.1:65536",
    "http://127.0.0.1:+80",
    "http://127.0.0.1:-1",
    "http://127.0.0.1:080",
    "http://127.0.0.1: 80",
    "http://127.0.0.1:8_0",
    "http://127.0.0.1:80:80",
    "http://127.0.0.1:\u0668\u0660",
    "https://evil.example:443:80",
    "https://-evil.example",
    "https://evil-.example",
    "https://*.evil.example",
    f"https://{'z' * 64}.example",
    "ftp://127.0.0.1",
    "file:///etc/passwd",
    "https://",
    "https://:443",
    "",
]


@pytest.mark.parametrize("url", ODD)
def test_what_is_not_the_plain_form_is_refused_and_not_repeated(url: str) -> None:
    for trusted in (None, TRUSTED, "evil.1", url.partition("//")[2]):
        with pytest.raises(GuardError, match="url is not the address of an exchange") as caught:
            check_host(url, trusted)
        assert "evil" not in str(caught.value)


@pytest.mark.parametrize(
    "url, host",
    [
        ("https://Evil.EXAMPLE:8443/", Host("https://evil.example:8443", False)),
        ("https://xn--e1afmkfd.evil_1.example", Host("https://xn--e1afmkfd.evil_1.example", False)),
        ("HTTP://[::1]", Host("http://[::1]", True)),
        ("http://[0:0:0:0:0:0:0:1]:65535", Host("http://[0:0:0:0:0:0:0:1]:65535", True)),
        ("http://127.255.0.9:1", Host("http://127.255.0.9:1", True)),
        ("https://[2001:DB8::1]", Host("https://[2001:db8::1]", False)),
        ("https://1.2.3.4.5a", Host("https://1.2.3.4.5a", False)),
    ],
)
def test_the_plain_form_is_taken(url: str, host: Host) -> None:
    assert check_host(url, host.url.removeprefix("https://")) == host


USUAL = st.sampled_from([
    "127.0.0.1", "[::1]", "localhost", "evil.example", "0x7f", "127", "1", ".", ":80", ":443", "-",
    "_", "xn--", "LOCALHOST", "a", "0", "api.backpack.exchange", "/",
])  # fmt: skip
STRANGE = st.text(max_size=3) | st.sampled_from([
    ":", "@", "\\", "#", "?", "%2e", "%", "[", "]", " ", "\t", "\n", "\x00", "\u3002", "\uff11",
    "\u00df", ";", "&", "=", "+", "::",
])  # fmt: skip
SPELLINGS = st.builds(
    lambda scheme, parts: scheme + "".join(parts),
    st.sampled_from(["https://", "http://", "HTTPS://", "http:", "//", ""]),
    st.lists(USUAL, min_size=1, max_size=4) | st.lists(USUAL | STRANGE, min_size=1, max_size=6),
)


@settings(max_examples=examples(200))
@given(SPELLINGS)
@example("http://[::1].evil.example")
@example("https://evil.example:8443")
@example("http://127.0.0.1:80")
def test_all_libraries_read_the_host_that_is_checked(url: str) -> None:
    try:
        found = check_host(url, re.split("[/@#?]", url.partition("//")[2])[0])
    except GuardError:
        return
    prepared = requests.Request("GET", url).prepare().url
    assert prepared is not None
    read = {_read_by_urllib(one) for one in (url, found.url, prepared)}
    read |= {_read_by_urllib3(one) for one in (url, found.url, prepared)}
    assert len(read) == 1
    host = str(read.pop()[1])
    assert found.loopback == bool(re.fullmatch(r"localhost|127(\.\d+){3}|::1", host))


def _read_by_urllib(url: str) -> tuple[object, ...]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _usual(parts.scheme)


def _read_by_urllib3(url: str) -> tuple[object, ...]:
    parts = urllib3.util.parse_url(url)
    host = (parts.host or "").strip("[]")
    return parts.scheme, host, parts.port or _usual(parts.scheme or "")


def _usual(scheme: str) -> int:
    return {"http": 80, "https": 443}[scheme]


def test_the_live_host_is_not_this_computer() -> None:
    assert check_host(LIVE_URL) == Host(LIVE_URL, loopback=False)
