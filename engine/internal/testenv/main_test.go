package testenv

import (
	"os"
	"testing"
)

// TestMain lets the child of TestKilledBinaryTakesItsServersWithIt run as a
// test binary of its own; everything else goes through Main.
func TestMain(m *testing.M) { os.Exit(Main(m)) }
