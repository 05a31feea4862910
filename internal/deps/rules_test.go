package deps_test

import "github.com/postrider/postrider/internal/deps"

// rule is a graph rule with the reason for it.
type rule struct {
	name string
	why  string
	deps.Rule
}

// thirdParty lists the modules that the engine depends on. Each one is a dependency of every host.
var thirdParty = []string{
	"code.dny.dev/ssrf",
	"github.com/cenkalti/backoff/v4",
}

var rules = []rule{
	{
		name: "store",
		why:  "a third-party store implements the contract and must get nothing with it",
		Rule: deps.Only{Package: "store"},
	},
	{
		name: "storetest",
		why:  "a third-party store runs the conformance suite and must get nothing with it",
		Rule: deps.Only{Package: "store/storetest", Own: []string{"store"}},
	},
	{
		name: "signer",
		why:  "receivers import it alone, to verify",
		Rule: deps.Only{Package: "signer"},
	},
	{
		name: "dispatcher",
		why:  "every host gets what it depends on",
		Rule: deps.Only{
			Package: "dispatcher",
			Own:     []string{"store", "signer", "internal/..."},
			Modules: thirdParty,
		},
	},
	{
		name: "dispatchertest",
		why:  "hosts' tests get no more than the hosts themselves",
		Rule: deps.Only{
			Package: "dispatcher/dispatchertest",
			Own:     []string{"dispatcher/...", "store", "signer", "internal/..."},
			Modules: thirdParty,
		},
	},
	{
		name: "memstore",
		why:  "it is the default, and the proof that the contract needs nothing else",
		Rule: deps.Only{Package: "adapters/memstore", Own: []string{"store"}},
	},
	{
		name: "jsonschema",
		why:  "who checks payloads gets the validator and nothing else; who does not gets none of it",
		Rule: deps.Only{
			Package: "adapters/jsonschema",
			Own:     []string{"dispatcher", "store", "signer", "internal/..."},
			Modules: append([]string{"github.com/santhosh-tekuri/jsonschema/v6", "golang.org/x/text"}, thirdParty...),
		},
	},
	{
		name: "adapters apart",
		why:  "who uses one adapter must not get what another one needs",
		Rule: deps.Isolated{Dir: "adapters"},
	},
	{
		name: "adapters on top",
		why:  "dependencies point one way: adapters → dispatcher → store, signer",
		Rule: deps.Above{Dir: "adapters"},
	},
}

// notYet names the packages of rules above that are still to be written. The test fails as soon as one of them exists,
// so that its rule cannot stay switched off.
var notYet = []string{}

// rootPolicy says what the root go.mod may require. Direct dependencies are those of the dispatcher and of the adapters;
// whatever else comes must be added here knowingly.
var rootPolicy = deps.RootPolicy{
	// testing/synctest is of 1.25. `go get` writes the second form when a dependency asks for it.
	Go: []string{"1.25", "1.25.0"},
	Direct: []string{
		"code.dny.dev/ssrf",
		"github.com/cenkalti/backoff/v4",
		"github.com/redis/go-redis/v9",
		"github.com/santhosh-tekuri/jsonschema/v6",
		"go.opentelemetry.io/otel/...",
		"gorm.io/gorm",
	},
	// A requirement that only tests need is still a version floor for every host.
	Banned: []string{
		// SQL drivers, and GORM's dialects, which bring them.
		"github.com/glebarez/...",
		"github.com/go-sql-driver/mysql/...",
		"github.com/jackc/...",
		"github.com/lib/pq/...",
		"github.com/mattn/go-sqlite3/...",
		"github.com/microsoft/go-mssqldb/...",
		"github.com/ncruces/go-sqlite3/...",
		"gorm.io/driver/...",
		"modernc.org/...",
		// Containers and fakes of servers.
		"github.com/alicebob/miniredis/...",
		"github.com/docker/...",
		"github.com/moby/...",
		"github.com/testcontainers/...",
		// Rivals that the benchmarks run, and the verifier that the integration tests run.
		"github.com/hibiken/asynq/...",
		"github.com/riverqueue/...",
		"github.com/standard-webhooks/...",
		"github.com/svix/...",
	},
}
