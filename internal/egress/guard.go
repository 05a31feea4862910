package egress

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"code.dny.dev/ssrf"
)

// ErrBlocked is in the chain of every error that a [Guard] returns: the address
// is one that deliveries must not reach.
var ErrBlocked = errors.New("address not allowed")

// privatePrefixes are what Options.AllowPrivate opens: loopback, RFC 1918 and
// the unique local addresses of RFC 4193. Link-local addresses are left out
// because cloud providers serve credentials there; shared address space (RFC
// 6598), multicast and reserved ranges are left out because nobody runs a
// webhook receiver on them by default.
var privatePrefixes = []netip.Prefix{
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("::1/128"),
	netip.MustParsePrefix("fc00::/7"),
}

// metadataPrefixes are services that clouds offer to each of their machines and
// that hand out credentials to whoever asks. Most are link-local; these lie among
// public addresses or inside fc00::/7, and so inside privatePrefixes. They stay
// closed unless a host names them in AllowedPrefixes.
var metadataPrefixes = []netip.Prefix{
	netip.MustParsePrefix("168.63.129.16/32"),       // Azure (WireServer)
	netip.MustParsePrefix("fd00:ec2::/32"),          // AWS (instance metadata, EKS Pod Identity)
	netip.MustParsePrefix("fd20:ce::254/128"),       // Google Cloud
	netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), // Oracle Cloud
	netip.MustParsePrefix("fd00:a9fe:a9fe::1/128"),  // Akamai
	netip.MustParsePrefix("fd00:100::100:200/128"),  // Alibaba Cloud
	netip.MustParsePrefix("fd00:42::42/128"),        // Scaleway
}

// A Guard decides which addresses may be connected to. By default these are the
// globally reachable ones: everything in IANA's special-purpose registries for
// IPv4 and IPv6 is refused, and all IPv6 outside 2000::/3, and metadata services.
// Every port is allowed. A Guard is immutable and safe for concurrent use.
type Guard struct {
	inner    *ssrf.Guardian
	explicit []netip.Prefix // AllowedPrefixes, normalised
}

// NewGuard returns the guard that [NewTransport] uses for the same options. It
// reads AllowPrivate and AllowedPrefixes only.
func NewGuard(o Options) *Guard {
	g := &Guard{}
	for _, p := range o.AllowedPrefixes {
		// ::ffff:10.0.0.0/104 means 10.0.0.0/8, but netip never finds an IPv4
		// address inside it.
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		g.explicit = append(g.explicit, p)
	}
	allowed := g.explicit
	if o.AllowPrivate {
		allowed = append(slices.Clone(allowed), privatePrefixes...)
	}
	var v4, v6 []netip.Prefix
	for _, p := range allowed {
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	g.inner = ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
	return g
}

// CheckAddr reports whether addr may be connected to: nil, or an error that
// wraps [ErrBlocked]. An IPv4-mapped IPv6 address is judged as the IPv4 address
// it stands for, which is where the kernel would connect. An address with a zone
// is always refused, since zones exist for link-local addresses only.
func (g *Guard) CheckAddr(addr netip.Addr) error {
	addr = addr.Unmap()
	if !addr.IsValid() {
		return fmt.Errorf("%w: no address", ErrBlocked)
	}
	if contains(metadataPrefixes, addr) && !contains(g.explicit, addr) {
		return fmt.Errorf("%w: %s is an instance metadata service", ErrBlocked, addr)
	}
	if err := g.inner.SafeAddr(addr); err != nil {
		return fmt.Errorf("%w: %w", ErrBlocked, err)
	}
	// A network with NAT64 has to allow 64:ff9b::/96, or prefixes of its own within
	// 64:ff9b:1::/48. The gateway should not translate to private IPv4, but that is no
	// reason to rely on it.
	prefixes := []netip.Prefix{ssrf.IPv6NAT64Prefix}
	if localNAT64.Contains(addr) {
		prefixes = g.explicit
	}
	for _, p := range prefixes {
		if !p.Contains(addr) {
			continue
		}
		if v4, ok := translated(p, addr); ok {
			if err := g.CheckAddr(v4); err != nil {
				return fmt.Errorf("NAT64 address %s: %w", addr, err)
			}
		}
	}
	return nil
}

// localNAT64 is for a network's own prefixes of translation (RFC 8215).
var localNAT64 = netip.MustParsePrefix("64:ff9b:1::/48")

// translated returns the IPv4 address to which a gateway with the prefix connects
// for addr (RFC 6052, section 2.2). The ninth byte is no part of it.
func translated(p netip.Prefix, addr netip.Addr) (v4 netip.Addr, ok bool) {
	b := addr.As16()
	switch p.Bits() {
	case 48:
		return netip.AddrFrom4([4]byte{b[6], b[7], b[9], b[10]}), true
	case 56:
		return netip.AddrFrom4([4]byte{b[7], b[9], b[10], b[11]}), true
	case 64:
		return netip.AddrFrom4([4]byte{b[9], b[10], b[11], b[12]}), true
	case 96:
		return netip.AddrFrom4([4]byte{b[12], b[13], b[14], b[15]}), true
	}
	return netip.Addr{}, false
}

// CheckHost refuses a host, as [net/url.URL.Hostname] returns it, that needs no
// DNS to be known as blocked: an address that CheckAddr refuses, or a number
// that some resolvers take for an address. It lets names pass, "localhost"
// included: what they resolve to is checked when connecting. It is meant for an
// early answer at configuration, and replaces no check at connect.
func (g *Guard) CheckHost(host string) error {
	if addr, err := netip.ParseAddr(host); err == nil {
		return g.CheckAddr(addr)
	}
	if endsInNumber(host) {
		return fmt.Errorf("%w: %s is neither a name nor an IP address in standard notation", ErrBlocked, Text(host, 64))
	}
	return nil
}

// control is the net.Dialer.Control of every connection: the resolver has
// answered, and address is what connect(2) gets.
func (g *Guard) control(network, address string, c syscall.RawConn) error {
	// Safe also refuses other networks than tcp4 and tcp6, and an address that
	// is not an IP address with a port.
	if err := g.inner.Safe(network, address, c); err != nil {
		return fmt.Errorf("%w: %w", ErrBlocked, err)
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBlocked, err)
	}
	return g.CheckAddr(ap.Addr())
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// endsInNumber reports whether the last label of host is a number, as in
// 2130706433, 0x7f.1, 0177.0.0.1 or 127.0.0.1. (with the dot). getaddrinfo takes
// these for IPv4 addresses while a DNS library looks them up as names; no top
// level domain is numeric (RFC 3696, section 2), so nothing real is lost by
// refusing them. The rule is the "ends in a number" check of the WHATWG URL
// standard.
func endsInNumber(host string) bool {
	host = strings.TrimSuffix(host, ".")
	label := host[strings.LastIndexByte(host, '.')+1:]
	if hex, ok := strings.CutPrefix(strings.ToLower(label), "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return label != "" && strings.Trim(label, "0123456789") == ""
}
