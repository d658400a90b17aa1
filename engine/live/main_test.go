package live

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"pitwall/engine/internal/testenv"
)

func TestMain(m *testing.M) {
	// The HTTP server lingers for half a second behind some refusals.
	os.Exit(testenv.Main(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait")))
}
