package admin

import (
	"os"
	"testing"

	"pitwall/engine/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }
