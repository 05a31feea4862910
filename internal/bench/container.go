package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// password is that of every server that is started here; they listen on
// loopback and are gone with the run.
const password = "bench"

// containerSpec says how a kind of server is run. Its image is the official one
// of Docker Hub, or one that is used in the same way; see findImage.
type containerSpec struct {
	image string
	// nodes is the number of containers, one if 0.
	nodes int
	env   []string
	// args make the server listen on the port of 127.0.0.1, with its settings.
	args func(port int) []string
	dsn  func(ports []int) string
	// ready waits until the server answers, and prepares it.
	ready func(ctx context.Context, dsn string) error
}

var containerSpecs = map[string]containerSpec{
	postgresServer: {
		image: "postgres:17",
		env:   []string{"POSTGRES_PASSWORD=" + password},
		// fsync and synchronous_commit are on by default and named so that nobody
		// has to wonder. A run fits between two checkpoints, of which the one that
		// precedes it has ended.
		args: func(port int) []string {
			var args []string
			for _, setting := range []string{
				"port=" + strconv.Itoa(port), "listen_addresses=127.0.0.1",
				"fsync=on", "synchronous_commit=on", "full_page_writes=on",
				"shared_buffers=512MB", "max_wal_size=8GB", "checkpoint_timeout=30min",
				"maintenance_work_mem=256MB", "max_connections=200",
			} {
				args = append(args, "-c", setting)
			}
			return args
		},
		dsn: func(ports []int) string {
			return (&url.URL{
				Scheme: "postgres", User: url.UserPassword("postgres", password),
				Host: address(ports[0]), Path: "/postgres", RawQuery: "sslmode=disable",
			}).String()
		},
		ready: readyPostgres,
	},
	mysqlServer:   mysqlSpec("mysql:9", "MYSQL_ROOT_PASSWORD", "--innodb-redo-log-capacity"),
	mariadbServer: mysqlSpec("mariadb:10.11", "MARIADB_ROOT_PASSWORD", "--innodb-log-file-size"),
	redisServer: {
		image: "redis:7.0",
		args:  redisArgs,
		dsn:   func(ports []int) string { return "redis://" + address(ports[0]) },
		ready: readyRedis,
	},
	redisClusterServer: {
		image: "redis:7.0",
		nodes: 3,
		args: func(port int) []string {
			return append(redisArgs(port), "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(port-busOffset))
		},
		dsn: func(ports []int) string {
			dsn := "redis://" + address(ports[0])
			for i, port := range ports[1:] {
				dsn += map[bool]string{true: "?addr=", false: "&addr="}[i == 0] + address(port)
			}
			return dsn
		},
		ready: readyRedisCluster,
	},
}

// busOffset keeps the nodes' ports for each other away from the clients'.
const busOffset = 10_000

// mysqlSpec is MySQL or MariaDB: every commit is synced, and the log is large
// enough for a run.
func mysqlSpec(image, passwordVariable, logSize string) containerSpec {
	return containerSpec{
		image: image,
		env:   []string{passwordVariable + "=" + password},
		args: func(port int) []string {
			return []string{
				"--port=" + strconv.Itoa(port), "--bind-address=127.0.0.1", "--skip-log-bin",
				"--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=512M",
				logSize + "=1G", "--max-connections=200",
			}
		},
		dsn: func(ports []int) string {
			return "root:" + password + "@tcp(" + address(ports[0]) + ")/"
		},
		ready: readyMySQL,
	}
}

// redisArgs has Redis keep what it is told: AOF, synced every second, as both
// contenders on it have it.
func redisArgs(port int) []string {
	return []string{
		"--port", strconv.Itoa(port), "--bind", "127.0.0.1",
		"--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
		"--maxmemory-policy", "noeviction",
	}
}

func address(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// freePort returns a port on which nobody listens at the moment. It stays away
// from the top, so that nothing that is added to it leaves the range.
func freePort() (int, error) {
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
		if port > busOffset+1024 {
			return port, nil
		}
	}
}

// localImages begins the names of images that were built on this machine.
const localImages = "postrider-test/"

// findImage chooses an image for a kind of server: what the environment names
// (POSTRIDER_IMAGE_POSTGRES_17 and the like, as for the tests), one that was
// built on this machine, or the official one.
func findImage(ctx context.Context, name string) string {
	variable := "POSTRIDER_IMAGE_" + strings.ToUpper(strings.NewReplacer(":", "_", ".", "_").Replace(name))
	if image := os.Getenv(variable); image != "" {
		return image
	}
	if _, err := docker(ctx, "image", "inspect", localImages+name); err == nil {
		return localImages + name
	}
	return name
}

// runContainer starts a container and returns its id and the id of its first
// process. It shares the machine's network, so that a connection is a plain one
// over loopback, like those to the sink, without a bridge or a proxy between.
// Its data lies in a volume of its own, on the machine's disk rather than in
// the container's layered file system.
func runContainer(ctx context.Context, spec containerSpec, port int) (id string, pid int, err error) {
	args := []string{"run", "--detach", "--network", "host", "--label", "org.postrider.bench"}
	for _, e := range spec.env {
		args = append(args, "--env", e)
	}
	args = append(append(args, findImage(ctx, spec.image)), spec.args(port)...)
	if id, err = docker(ctx, args...); err != nil {
		return "", 0, err
	}
	text, err := docker(ctx, "inspect", "--format", "{{.State.Pid}}", id)
	if err != nil {
		return id, 0, err
	}
	pid, err = strconv.Atoi(text)
	return id, pid, err
}

// awaitExit returns when the container has ended, with an error that says so.
func awaitExit(ctx context.Context, id string) error {
	status, err := docker(ctx, "wait", id)
	if err != nil {
		return err
	}
	return fmt.Errorf("the container has ended with status %s", status)
}

func removeContainer(ctx context.Context, id string) error {
	_, err := docker(ctx, "rm", "--force", "--volumes", id)
	return err
}

// containerLog is the end of what the container has said.
func containerLog(ctx context.Context, id string) []byte {
	text, _ := exec.CommandContext(ctx, "docker", "logs", "--tail", "20", id).CombinedOutput()
	return text
}

func docker(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "docker", args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(stdout.String()), nil
}

// busPort is where the nodes of a cluster talk to each other, given the port
// for clients.
func busPort(port string) int {
	n, _ := strconv.Atoi(port) // 0 of what is no port, which nothing accepts
	return n - busOffset
}
