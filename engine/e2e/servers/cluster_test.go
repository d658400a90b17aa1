package servers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSweepRemovesOnlyWhatNobodyHolds(t *testing.T) {
	tmp := t.TempDir()
	old := time.Now().Add(-time.Hour)
	folder := func(name string, age time.Time) *os.File {
		dir := filepath.Join(tmp, clusterPrefix+name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		f, err := lockFile(filepath.Join(dir, "lock"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(f.Name(), age, age); err != nil {
			t.Fatal(err)
		}
		return f
	}
	held := folder("held", old)
	defer held.Close()
	folder("dead", old).Close()
	folder("young", time.Now()).Close()

	sweep(tmp)
	left, _ := filepath.Glob(filepath.Join(tmp, "*"))
	for i := range left {
		left[i] = strings.TrimPrefix(filepath.Base(left[i]), clusterPrefix)
	}
	if got := strings.Join(left, " "); got != "held young" {
		t.Errorf("left after the sweep: %q, want held and young", got)
	}
}

func TestPostgresMajor(t *testing.T) {
	if got := postgresMajor("/usr/lib/postgresql/15/bin"); got != 15 {
		t.Errorf("got %d, want 15", got)
	}
}
