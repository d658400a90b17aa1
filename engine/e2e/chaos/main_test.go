package chaos

import (
	"os"
	"testing"

	"pitwall/engine/e2e/e2etest"
)

func TestMain(m *testing.M) { os.Exit(e2etest.Main(m)) }
