"""Which addresses a URL chosen by somebody else may lead to: public ones, and nothing inside anybody's network."""

from ipaddress import IPv4Address, IPv6Address, ip_network

#: Either version of an address.
Address = IPv4Address | IPv6Address

_GLOBAL_UNICAST = ip_network("2000::/3")
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address that is meant

# Counted as global by the standard library, or by some of its versions, and still nobody's public server.
_REFUSED = (
    ip_network("168.63.129.16/32"),  # a cloud's wire server, reached from inside that cloud only
    ip_network("192.0.0.0/24"),  # protocol assignments, among them a metadata service
    ip_network("192.88.99.0/24"),  # 6to4 relays
    ip_network("2001::/23"),  # Teredo and other protocol assignments
    ip_network("2002::/16"),  # 6to4: it stands for an IPv4 address behind a relay
    ip_network("3fff::/20"),  # documentation
)


def is_public(address: Address) -> bool:
    """True for a unicast address of the public internet; an IPv6 form of an IPv4 address counts as that address."""
    meant = _meant(address)
    if isinstance(meant, IPv6Address) and meant not in _GLOBAL_UNICAST:
        return False
    special = meant.is_multicast or meant.is_reserved or any(meant in network for network in _REFUSED)
    return meant.is_global and not special


def is_loopback(address: Address) -> bool:
    """True for this machine itself, also written as an IPv6 form of 127.0.0.0/8."""
    return _meant(address).is_loopback


def _meant(address: Address) -> Address:
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address
