package deploy

import (
	"os"
	"testing"

	"pitwall/engine/e2e/e2etest"
)

// These tests are about the files of cmd/pitwall/deploy: the real programs that they are
// for run with them. What needs a Docker daemon or a cluster is only parsed (manifests),
// and the image's binary runs in an empty root folder instead.

func TestMain(m *testing.M) {
	code := e2etest.Main(m)
	if builds.dir != "" {
		_ = os.RemoveAll(builds.dir) // in the temporary folder anyway
	}
	os.Exit(code)
}
