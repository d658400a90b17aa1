package e2etest

import (
	"errors"
	"testing"
	"time"
)

func TestLog(t *testing.T) {
	log := new(Log)
	logger := log.Logger().With("part", "a b", "empty", "")
	logger.Info("it is \"ready\"", "took", 3*time.Second, "error", errors.New("x=1\ny"))
	logger.Error("failed")
	if _, err := log.Write([]byte("not a record\ntime=2026-01-01T00:00:00Z level=INFO msg=ready")); err != nil {
		t.Fatal(err)
	}
	found := log.Find("ready")
	if len(found) != 1 || found[0].Message != `it is "ready"` {
		t.Fatalf("found %+v", found)
	}
	for name, want := range map[string]string{"part": "a b", "empty": "", "took": "3s", "error": "x=1\ny"} {
		if got, there := found[0].Attrs[name]; !there || got != want {
			t.Errorf("%s is %q (%t), want %q", name, got, there, want)
		}
	}
	if failed := log.Errors(); len(failed) != 1 || failed[0].Message != "failed" {
		t.Errorf("errors: %+v", failed)
	}
}
