package live

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"pitwall/engine/internal/testenv"
)

func TestMain(m *testing.M) {
	if addr := os.Getenv(swarmAddr); addr != "" {
		os.Exit(swarmProcess(addr))
	}
	// The HTTP server lingers for half a second behind some refusals.
	os.Exit(testenv.Main(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait")))
}
