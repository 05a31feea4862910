package egress

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// MaxURL is the longest URL that [CheckURL] accepts, in bytes. Many servers and
// proxies refuse request lines that are longer.
const MaxURL = 2048

// CheckURL parses the URL of an endpoint and refuses, with a [*FieldError], what
// could not be delivered to or what would not be sent as written. It accepts
// absolute https URLs, and http URLs if allowPlainHTTP, made of the characters
// of RFC 3986, with a host that is a DNS name or an IP address and a port from 1
// to 65535 if any. It refuses:
//
//   - user information (name:password@): it would end up in logs; an
//     Authorization header does the same;
//   - a fragment, which is never sent;
//   - characters that need percent-encoding, and % without two hex digits:
//     net/http would send them raw in a query, and servers disagree about them;
//   - names that are not ASCII: the Punycode form (xn--…) has to be given, so
//     that what is shown is what is looked up;
//   - IP addresses in unusual notation (2130706433, 0x7f.1) and with zones.
//
// The returned URL has its scheme and host in lower case and is otherwise as
// written: net/http sends its path and query byte for byte. CheckURL does not
// look at where the host leads; that is [Guard.CheckHost] and the guard in every
// connection.
func CheckURL(raw string, allowPlainHTTP bool) (*url.URL, error) {
	switch {
	case raw == "":
		return nil, urlError("must not be empty")
	case len(raw) > MaxURL:
		return nil, urlError("is longer than " + strconv.Itoa(MaxURL) + " bytes")
	}
	if reason := checkURLBytes(raw); reason != "" {
		return nil, urlError(reason)
	}
	u, err := url.Parse(raw)
	if err != nil {
		// The outer error repeats the URL, and so does a part of the inner ones.
		return nil, urlError("is malformed" + parseReason(err))
	}
	switch {
	case u.Scheme == "http" && !allowPlainHTTP:
		return nil, urlError("must begin with https://")
	case u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "":
		if allowPlainHTTP {
			return nil, urlError("must begin with https:// or http://")
		}
		return nil, urlError("must begin with https://")
	case u.User != nil:
		return nil, urlError("must not contain a user name or password; use an Authorization header")
	case u.Hostname() == "":
		return nil, urlError("has no host")
	}
	if reason := checkHost(u.Host); reason != "" {
		return nil, urlError(reason)
	}
	u.Host = strings.ToLower(u.Host)
	return u, nil
}

func urlError(reason string) error { return &FieldError{Field: "url", Reason: reason} }

// checkURLBytes applies the character rules of RFC 3986 to the whole.
func checkURLBytes(raw string) string {
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c <= ' ' || c == 0x7f:
			return "contains a space or control character at byte " + strconv.Itoa(i)
		case c >= 0x80:
			return "contains a character that is not ASCII; percent-encode it, or write the host name in Punycode (xn--…)"
		case c == '#':
			return "must not contain a fragment (#)"
		case strings.IndexByte("\"<>\\^`{|}", c) >= 0:
			return "contains " + strconv.QuoteRune(rune(c)) + ", which must be percent-encoded"
		case c == '%' && (i+2 >= len(raw) || !isHex(raw[i+1]) || !isHex(raw[i+2])):
			return "contains a % that is not followed by two hexadecimal digits"
		}
	}
	return ""
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// checkHost checks the authority of a parsed URL: host, and port if any.
func checkHost(authority string) string {
	host, port := authority, ""
	bracket := strings.HasPrefix(authority, "[")
	if bracket {
		end := strings.IndexByte(authority, ']')
		if end < 0 {
			return "has a malformed IPv6 address"
		}
		host, port = authority[1:end], authority[end+1:]
	} else if i := strings.IndexByte(authority, ':'); i >= 0 {
		host, port = authority[:i], authority[i:]
	}
	if port != "" {
		n, err := strconv.Atoi(port[1:])
		if port[0] != ':' || err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != port[1:] {
			return "must have a port from 1 to 65535, or none"
		}
	}
	addr, err := netip.ParseAddr(host)
	switch {
	case bracket && err == nil && addr.Zone() != "":
		return "must not contain an IPv6 zone"
	case bracket && (err != nil || !addr.Is6()):
		return "has a malformed IPv6 address"
	case err == nil:
		return ""
	case endsInNumber(host):
		return "has a host that looks like an IP address but is not in standard notation"
	}
	return checkName(host)
}

// checkName accepts host names as DNS and certificates know them (RFC 1123,
// section 2.1), and underscores, which internal names have.
func checkName(host string) string {
	name := strings.TrimSuffix(host, ".") // the dot ends a fully qualified name
	if len(name) > 253 {
		return "has a host name of more than 253 bytes"
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return "has a host name with a label that is empty or longer than 63 bytes"
		}
		if label[0] == '-' || label[len(label)-1] == '-' {
			return "has a host name with a label that begins or ends with a hyphen"
		}
		for i := 0; i < len(label); i++ {
			if c := label[i]; !isAlphaNumeric(c) && c != '-' && c != '_' {
				return "has a host name with a character other than letters, digits, hyphen and underscore"
			}
		}
	}
	return ""
}

func isAlphaNumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// parseReason names the kinds of error of url.Parse whose text is fixed.
func parseReason(err error) string {
	var escape url.EscapeError
	var host url.InvalidHostError
	switch {
	case errors.As(err, &escape):
		return ": percent-encoding in the host"
	case errors.As(err, &host):
		return ": invalid character in the host"
	}
	return ""
}
