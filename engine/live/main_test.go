package live

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"pitwall/engine/internal/testenv"
)

func TestMain(m *testing.M) {
	if addr := os.Getenv(clientsAddr); addr != "" {
		if err := runClients(addr); err != nil {
			fmt.Fprintln(os.Stderr, "clients:", err)
			os.Exit(1)
		}
		return
	}
	// net/http keeps a connection for half a second after some refusals.
	os.Exit(testenv.Main(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait")))
}
