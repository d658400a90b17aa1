package live

import (
	"os"
	"testing"

	"pitwall/engine/internal/testenv"
)

func TestMain(m *testing.M) {
	if addr := os.Getenv(swarmAddr); addr != "" {
		os.Exit(swarmProcess(addr))
	}
	os.Exit(testenv.Main(m))
}
