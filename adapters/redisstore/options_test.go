package redisstore

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// What is wrong with options is found before Redis is asked anything.
func TestBadOptions(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer client.Close()
	for want, option := range map[string]Option{
		"the prefix \"\"":               WithPrefix(""),
		"the prefix \"a{b}\"":           WithPrefix("a{b}"),
		"the number of shards":          WithShards(-1),
		"1 to 1024, it is 1025":         WithShards(1025),
		"the number of replicas":        WithWait(-1),
		"the time to wait for replicas": WithWaitTimeout(500), // a number without its unit
	} {
		if _, err := New(client, option, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
	for name, c := range map[string]struct {
		client redis.UniversalClient
		wait   time.Duration
		ok     bool
	}{
		"a default":         {redis.NewClient(&redis.Options{}), 3 * time.Second, false},
		"a default cluster": {redis.NewClusterClient(&redis.ClusterOptions{}), 3 * time.Second, false},
		"a short one":       {redis.NewClient(&redis.Options{ReadTimeout: 500 * time.Millisecond}), time.Second, false},
		"a longer one":      {redis.NewClient(&redis.Options{ReadTimeout: 4 * time.Second}), 3 * time.Second, true},
		"none":              {redis.NewClient(&redis.Options{ReadTimeout: -1}), time.Minute, true},
	} {
		config := config{prefix: defaultPrefix, patience: c.wait, replicas: 1}
		if err := config.check(c.client); (err == nil) != c.ok || err != nil && !strings.Contains(err.Error(), "ReadTimeout") {
			t.Errorf("a wait of %v beside %s ReadTimeout: %v", c.wait, name, err)
		}
		config.replicas = 0
		if err := config.check(c.client); err != nil {
			t.Errorf("without a wait, beside %s ReadTimeout: %v", name, err)
		}
		_ = c.client.Close()
	}
	if _, err := New(nil); err == nil {
		t.Errorf("a nil client was accepted")
	}
	ring := redis.NewRing(&redis.RingOptions{})
	defer ring.Close()
	if _, err := New(ring); err == nil || !strings.Contains(err.Error(), "redis.Ring") {
		t.Errorf("a Ring: %v", err)
	}
}

func TestNobodyThere(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	defer client.Close()
	for _, options := range [][]Option{nil, {WithBestEffort()}} {
		if s, err := New(client, options...); err == nil || s != nil {
			t.Errorf("without a server: %v, %v", s, err)
		}
	}
}

func TestJudge(t *testing.T) {
	const good = "# Server\r\nredis_version:7.0.15\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n"
	for _, c := range []struct {
		name, info string
		bestEffort bool
		want       error
		says       string
	}{
		{"as it should be", good, false, nil, ""},
		{"too old", strings.Replace(good, "7.0.15", "6.0.20", 1), true, ErrVersion, "6.2 or later"},
		{"lowest version", strings.Replace(good, "7.0.15", "6.2.0", 1), false, nil, ""},
		{"evicts", strings.Replace(good, "noeviction", "allkeys-lru", 1), false, ErrUnsafe, "maxmemory-policy"},
		{"evicts, best effort", strings.Replace(good, "noeviction", "allkeys-lru", 1), true, nil, ""},
		{"no log", strings.Replace(good, "aof_enabled:1", "aof_enabled:0", 1), false, ErrUnsafe, "appendonly"},
		{"no log, best effort", strings.Replace(good, "aof_enabled:1", "aof_enabled:0", 1), true, nil, ""},
		{"tells nothing", "", false, ErrUnsafe, "maxmemory-policy"},
	} {
		err := judge(parseInfo(c.info), c.bestEffort)
		if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v with %q", c.name, err, c.want, c.says)
		}
	}
}
