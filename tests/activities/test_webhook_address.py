from ipaddress import ip_address

import pytest

from activities.webhook_address import is_loopback, is_public

PRIVATE = [
    "0.0.0.0",  # noqa: S104 - "this host", which some systems take for loopback
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["8.8.8.8", "93.184.215.14", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_inside_somebodys_network_is_not_public(address: str) -> None:
    """Private, loopback, link-local, shared, multicast, reserved and tunnelled addresses are all refused."""
    assert is_public(ip_address(address)) is False


@pytest.mark.parametrize("address", PUBLIC)
def test_a_server_of_the_internet_is_public(address: str) -> None:
    """Unicast addresses of the public internet are allowed, also behind the well-known NAT64 prefix."""
    assert is_public(ip_address(address)) is True


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_known_in_every_form(address: str) -> None:
    """The development setting allows this machine, however it is written."""
    assert is_loopback(ip_address(address)) is True


@pytest.mark.parametrize("address", ["0.0.0.0", "169.254.169.254", "10.0.0.1", "::"])  # noqa: S104
def test_nothing_else_counts_as_loopback(address: str) -> None:
    """The development setting opens loopback, not the network around it."""
    assert is_loopback(ip_address(address)) is False
