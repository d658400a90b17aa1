package front

import (
	"os"
	"testing"

	"pitwall/engine/e2e/e2etest"
)

// These tests are about the public listener of a running engine: TLS, the PROXY protocol,
// checks of Host, CORS, limits, the list of events, and the first frame.

func TestMain(m *testing.M) { os.Exit(e2etest.Main(m)) }
