// Package deps holds the rules for what may depend on what in this repository, and the checks that enforce them.
//
// Hosts embed Postrider, so that each dependency of it becomes one of theirs, and each version that it requires a floor
// under theirs. Its packages are layered (adapters → dispatcher → store, signer) so that a host's own store needs
// nothing but the contract. Both are easily broken by one import; the test of this package reads the import graph and
// the go.mod files and names the rule, and the chain of imports, that breaks.
//
//   - Graph rules (Only, Isolated, Above) look at the packages of the root module, without their tests.
//   - CheckRoot and CheckNested look at go.mod files; CheckNestedPackage at the packages of nested modules.
//   - CheckFiles looks at the names of the files under version control.
//
// The rules themselves are the table in rules_test.go; checks_test.go shows for each check that it can fail.
package deps

// Root is the path of the one published module.
const Root = "github.com/postrider/postrider"
