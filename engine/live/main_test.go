package live

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"pitwall/engine/internal/testenv"
)

func TestMain(m *testing.M) {
	if job := os.Getenv(idleClients); job != "" {
		if err := beClients(job); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if addr := os.Getenv(swarmAddr); addr != "" {
		os.Exit(swarmProcess(addr))
	}
	// The HTTP server lingers for half a second after some refusals.
	os.Exit(testenv.Main(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait")))
}
