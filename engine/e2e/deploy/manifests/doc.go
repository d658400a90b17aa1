// Package manifests has tests only. They parse the files of cmd/pitwall/deploy that need a
// Docker daemon or a cluster to run, as strictly as the programs that read them do: with
// Docker's own parser, and with the types of Kubernetes. It is a module of its own, so that
// Pitwall does not depend on these libraries.
//
// The tests also compare the files with each other and with the shutdown of the engine.
package manifests
