package egress

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// fakeDNS returns a resolver that asks answer for the IPv4 addresses of a name
// (without the final dot). No address means that the name does not exist; ok =
// false means that no answer comes.
func fakeDNS(t testing.TB, answer func(name string) (addrs []netip.Addr, ok bool)) *net.Resolver {
	return &net.Resolver{
		PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe() // not a PacketConn, so the resolver frames messages as over TCP
			go func() {
				defer server.Close()
				for serveDNS(server, answer) {
				}
			}()
			t.Cleanup(func() { client.Close() })
			return client, nil
		},
	}
}

// serveDNS answers one query (RFC 1035, section 4) and reports whether to go on.
func serveDNS(c net.Conn, answer func(string) ([]netip.Addr, bool)) bool {
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return false
	}
	query := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, query); err != nil {
		return false
	}
	const header = 12
	var labels []string
	end := header
	for query[end] != 0 {
		n := int(query[end])
		labels = append(labels, string(query[end+1:end+1+n]))
		end += 1 + n
	}
	end++
	isA := binary.BigEndian.Uint16(query[end:]) == 1
	end += 4
	addrs, ok := answer(strings.Join(labels, "."))
	if !ok {
		_, err := io.ReadFull(c, size[:]) // until the resolver gives up
		return err == nil
	}
	reply := append([]byte(nil), query[:end]...)
	reply[2], reply[3] = 0x81, 0x80 // response, recursion desired and available
	if len(addrs) == 0 {
		reply[3] |= 3 // NXDOMAIN
	}
	count := 0
	if isA {
		for _, a := range addrs {
			v4 := a.As4()
			reply = append(reply, 0xc0, header, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
			reply = append(reply, v4[:]...)
			count++
		}
	}
	binary.BigEndian.PutUint16(reply[6:], uint16(count))
	binary.BigEndian.PutUint16(reply[8:], 0)
	binary.BigEndian.PutUint16(reply[10:], 0)
	binary.BigEndian.PutUint16(size[:], uint16(len(reply)))
	_, err := c.Write(append(size[:], reply...))
	return err == nil
}
