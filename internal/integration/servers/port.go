package servers

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"sync"
)

// loopback is where all servers listen.
const loopback = "127.0.0.1"

// Ports are taken from below the range that systems give to outgoing connections, so that none of those takes the port of
// a server that is down for a moment.
const (
	firstPort = 20000
	portCount = 10000
	portShare = 100
)

var (
	portMu sync.Mutex
	// nextPort counts from the start of this process's share of the ports: between the moment when a port is found free
	// and that when a server listens on it, test processes that run side by side must not find the same.
	nextPort = os.Getpid() * portShare % portCount
)

// freePort returns a port of the loopback address that nobody listens on, a different one each time.
func freePort(ctx context.Context) (int, error) {
	portMu.Lock()
	defer portMu.Unlock()
	var lc net.ListenConfig
	for range portCount {
		port := firstPort + nextPort
		nextPort = (nextPort + 1) % portCount
		l, err := lc.Listen(ctx, "tcp", address(port))
		if err == nil {
			l.Close()
			return port, nil
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
	return 0, errors.New("no free port")
}

// address returns the loopback address with a port.
func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
