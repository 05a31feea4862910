package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
)

func TestGuardCheckAddr(t *testing.T) {
	prefixes := func(ps ...string) (out []netip.Prefix) {
		for _, p := range ps {
			out = append(out, netip.MustParsePrefix(p))
		}
		return out
	}
	zero, private := Options{}, Options{AllowPrivate: true}
	tests := []struct {
		rule string
		opts Options
		ok   bool
		addr []string
	}{
		{"public addresses", zero, true, []string{"1.1.1.1", "93.184.216.34", "::ffff:1.1.1.1", "2606:4700::1111"}},
		{"this host", zero, false, []string{"127.0.0.1", "127.255.255.254", "::1", "0.0.0.0", "0.1.2.3", "::", "::ffff:127.0.0.1", "::ffff:0.0.0.0"}},
		{"private (RFC 1918, RFC 4193)", zero, false, []string{"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fdff::1", "::ffff:10.0.0.1"}},
		{"shared (RFC 6598)", zero, false, []string{"100.64.0.1", "100.100.100.200"}},
		{"link-local, metadata", zero, false, []string{"169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254"}},
		{"multicast, broadcast, reserved", zero, false, []string{"224.0.0.1", "255.255.255.255", "240.0.0.1", "ff02::1"}},
		{"documentation, benchmarks", zero, false, []string{"192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "2001:db8::1", "3fff::1"}},
		{"NAT64 (RFC 6052, RFC 8215)", zero, false, []string{"64:ff9b::7f00:1", "64:ff9b::101:101", "64:ff9b:1::1"}},
		{"tunnels: 6to4, Teredo, IPv4-compatible", zero, false, []string{"2002:7f00:1::", "2001::1", "::127.0.0.1", "::10.0.0.1"}},
		{"a zone on a public address", zero, false, []string{"2606:4700::1111%eth0"}},

		{"AllowPrivate opens private and loopback", private, true, []string{"127.0.0.1", "::1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "fd00::1", "::ffff:127.0.0.1", "1.1.1.1"}},
		{"AllowPrivate leaves the rest", private, false, []string{"169.254.169.254", "fe80::1", "100.64.0.1", "0.0.0.0", "::", "224.0.0.1", "64:ff9b::7f00:1", "fe80::1%lo"}},
		{"metadata among public addresses", zero, false, []string{"168.63.129.16", "::ffff:168.63.129.16"}},
		{"AllowPrivate leaves metadata services", private, false, []string{
			"168.63.129.16", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe",
			"fd00:a9fe:a9fe::1", "fd00:100::100:200", "fd00:42::42",
		}},

		{"AllowedPrefixes opens what it names", Options{AllowedPrefixes: prefixes("10.20.0.0/16", "fd00:ec2::/32", "169.254.169.254/32", "168.63.129.16/32")}, true,
			[]string{"10.20.3.4", "::ffff:10.20.3.4", "fd00:ec2::254", "169.254.169.254", "168.63.129.16"}},
		{"AllowedPrefixes opens nothing else", Options{AllowedPrefixes: prefixes("10.20.0.0/16")}, false, []string{"10.21.0.1", "127.0.0.1", "::1"}},
		{"a mapped prefix means the IPv4 one", Options{AllowedPrefixes: prefixes("::ffff:10.0.0.0/104")}, true, []string{"10.9.9.9"}},
		{"an invalid prefix opens nothing", Options{AllowedPrefixes: []netip.Prefix{{}}}, false, []string{"10.0.0.1", "::1"}},
		{"NAT64 allowed, public inside", Options{AllowedPrefixes: prefixes("64:ff9b::/96")}, true, []string{"64:ff9b::101:101"}},
		{"NAT64 allowed, private inside", Options{AllowedPrefixes: prefixes("64:ff9b::/96")}, false, []string{"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::a83f:8110"}},

		// 192.0.2.33 of RFC 6052, section 2.4, with 10.0.0.33 and 1.1.1.33 in its place.
		{"local NAT64 allowed, public inside", Options{AllowedPrefixes: prefixes("64:ff9b:1::/96", "64:ff9b:1:1::/64", "64:ff9b:1:200::/56")}, true,
			[]string{"64:ff9b:1::101:121", "64:ff9b:1:1:1:101:2100:0", "64:ff9b:1:201:1:121::"}},
		{"local NAT64 allowed, private inside", Options{AllowedPrefixes: prefixes("64:ff9b:1::/96", "64:ff9b:1:1::/64", "64:ff9b:1:200::/56")}, false,
			[]string{"64:ff9b:1::a00:21", "64:ff9b:1::a9fe:a9fe", "64:ff9b:1:1:a:0:2100:0", "64:ff9b:1:20a:0:21::"}},
		{"all local NAT64 allowed", Options{AllowedPrefixes: prefixes("64:ff9b:1::/48")}, true, []string{"64:ff9b:1:101:1:2100::"}},
		{"all local NAT64 allowed, private inside", Options{AllowedPrefixes: prefixes("64:ff9b:1::/48")}, false, []string{"64:ff9b:1:a00:0:2100::", "64:ff9b:1::a00:21"}},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			g := NewGuard(tt.opts)
			for _, s := range tt.addr {
				err := g.CheckAddr(netip.MustParseAddr(s))
				if tt.ok && err != nil {
					t.Errorf("%s refused: %v", s, err)
				}
				if !tt.ok && !errors.Is(err, ErrBlocked) {
					t.Errorf("%s: %v, want ErrBlocked", s, err)
				}
			}
		})
	}
	if err := NewGuard(private).CheckAddr(netip.Addr{}); !errors.Is(err, ErrBlocked) {
		t.Errorf("the zero address: %v, want ErrBlocked", err)
	}
}

func TestGuardCheckHost(t *testing.T) {
	g := NewGuard(Options{})
	for _, host := range []string{"example.com", "localhost", "a1.b2", "1.2.3.example", "0x7f.example", "xn--bcher-kva.example", "1.1.1.1", "2606:4700::1111"} {
		if err := g.CheckHost(host); err != nil {
			t.Errorf("%s refused: %v", host, err)
		}
	}
	for _, host := range []string{"127.0.0.1", "::1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1.", "0x7F.1", "017700000001", "8.8.8.8.", "1.2.3.4.5", "example.0x1"} {
		if err := g.CheckHost(host); !errors.Is(err, ErrBlocked) {
			t.Errorf("%s: %v, want ErrBlocked", host, err)
		}
	}
}

// What net.Dialer asks before it connects, with the address that the resolver
// gave.
func TestGuardControl(t *testing.T) {
	g := NewGuard(Options{AllowedPrefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("fe80::/10")}})
	for _, tt := range []struct {
		network, address string
		ok               bool
	}{
		{"tcp4", "127.0.0.1:1", true},
		{"tcp4", "1.1.1.1:65535", true},
		{"tcp6", "[2606:4700::1111]:25", true}, // any port
		{"tcp4", "127.0.0.2:80", false},
		{"tcp4", "0.0.0.0:80", false},
		{"tcp6", "[::1]:80", false},
		{"tcp6", "[::]:80", false},
		{"tcp6", "[::ffff:10.0.0.1]:80", false},
		{"tcp6", "[fe80::1%lo]:80", false}, // a zone is refused even in an allowed prefix
		{"tcp4", ":80", false},
		{"tcp4", "localhost:80", false},
		{"tcp4", "", false},
		{"tcp", "1.1.1.1:80", false}, // net.Dialer always says which
		{"udp4", "1.1.1.1:80", false},
		{"unix", "/run/docker.sock", false},
	} {
		err := g.control(tt.network, tt.address, nil)
		if tt.ok && err != nil || !tt.ok && !errors.Is(err, ErrBlocked) {
			t.Errorf("%s %q: %v", tt.network, tt.address, err)
		}
	}
}

// Whatever the notation, a URL that leads to this host or its network is refused
// at connect, although nobody has called CheckURL.
func TestDialBlocked(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	// The resolver of a C library would take numbers for addresses; this one
	// does so for every name.
	resolver := fakeDNS(t, func(string) ([]netip.Addr, bool) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, true
	})
	for _, host := range []string{
		"127.0.0.1", "0.0.0.0", "10.0.0.1", "169.254.169.254", "100.64.0.1",
		"[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
		"[fe80::1%25lo]", "[fe80::1%25eth0]", "[fd00:ec2::254]",
		"[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::1]",
		"2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "127.0.0.1.",
		"localhost", "rebind.example.com",
	} {
		t.Run(host, func(t *testing.T) {
			rt := NewTransport(Options{Resolver: resolver})
			defer rt.CloseIdleConnections()
			res := post(t, rt, "http://"+host+":"+port+"/", Limits{})
			if !errors.Is(res.Err, ErrBlocked) || res.Class != ClassBlocked {
				t.Errorf("got status %d, class %q, error %v; want ErrBlocked", res.Status, res.Class, res.Err)
			}
			if res.RemoteAddr.IsValid() {
				t.Errorf("connected to %s", res.RemoteAddr)
			}
		})
	}
}

// A name that changes its mind between two look-ups is caught, because it is the
// address of the connection that is checked.
func TestDialRebinding(t *testing.T) {
	var turned atomic.Bool
	resolver := fakeDNS(t, func(string) ([]netip.Addr, bool) {
		if turned.Load() {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, true
		}
		return []netip.Addr{netip.MustParseAddr("93.184.216.34")}, true
	})
	addrs, err := resolver.LookupNetIP(context.Background(), "ip4", "rebind.example.com")
	if err != nil || NewGuard(Options{}).CheckAddr(addrs[0]) != nil {
		t.Fatalf("the first look-up should be harmless: %v %v", addrs, err)
	}
	turned.Store(true)
	rt := NewTransport(Options{Resolver: resolver})
	defer rt.CloseIdleConnections()
	if res := post(t, rt, "http://rebind.example.com/", Limits{}); !errors.Is(res.Err, ErrBlocked) {
		t.Errorf("got %v, want ErrBlocked", res.Err)
	}
}

// What a name leads to inside the host's network is not for those to know who may
// read why an attempt failed, and who may have chosen the name to find out.
func TestDialBlockedDoesNotTellAddresses(t *testing.T) {
	resolver := fakeDNS(t, func(string) ([]netip.Addr, bool) { return []netip.Addr{netip.MustParseAddr("10.1.2.3")}, true })
	rt := NewTransport(Options{Resolver: resolver})
	defer rt.CloseIdleConnections()
	res := post(t, rt, "http://vault.internal.example/", Limits{})
	if text := res.Err.Error(); res.Class != ClassBlocked || strings.Contains(text, "10.") || !strings.Contains(text, "vault.internal.example") {
		t.Errorf("class %q: %s", res.Class, text)
	}
	res = post(t, rt, "http://10.1.2.3/", Limits{})
	if text := res.Err.Error(); res.Class != ClassBlocked || !strings.Contains(text, "10.1.2.3") {
		t.Errorf("class %q: %s", res.Class, text)
	}
}

// Of several addresses of a name only those are tried that are allowed.
func TestDialPicksAllowed(t *testing.T) {
	s := serveRaw(t, nil, answerOK)
	_, port, _ := net.SplitHostPort(s.addr)
	resolver := fakeDNS(t, func(string) ([]netip.Addr, bool) {
		return []netip.Addr{netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("127.0.0.1")}, true
	})
	rt := localTransport(t, Options{Resolver: resolver})
	res := post(t, rt, "http://two.example.com:"+port+"/", Limits{})
	if res.Err != nil || res.Status != 204 || res.RemoteAddr.Addr() != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("got status %d from %s, error %v", res.Status, res.RemoteAddr, res.Err)
	}
}

// A name is blocked if none of its addresses is allowed. If one is and does not
// answer now, that is what has failed, whatever the order of the addresses.
func TestDialAllowedFails(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	ln.Close()
	blocked, allowed := netip.MustParseAddr("127.0.0.9"), netip.MustParseAddr("127.0.0.1")
	for _, tt := range []struct {
		addrs []netip.Addr
		class Class
	}{
		{[]netip.Addr{allowed, blocked}, ClassConnect},
		{[]netip.Addr{blocked, allowed}, ClassConnect},
		{[]netip.Addr{blocked, blocked}, ClassBlocked},
	} {
		resolver := fakeDNS(t, func(string) ([]netip.Addr, bool) { return tt.addrs, true })
		res := post(t, localTransport(t, Options{Resolver: resolver}), "http://two.example.com:"+port+"/", Limits{})
		if res.Class != tt.class || errors.Is(res.Err, ErrBlocked) != (tt.class == ClassBlocked) {
			t.Errorf("%v: class %q (%v), want %q", tt.addrs, res.Class, res.Err, tt.class)
		}
	}
}
