package archive

import (
	"strings"
	"testing"

	"pitwall/engine/internal/health"
	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/testenv"
)

// newFullRig has a server whose stream fills its memory, with n numbered records and a
// broken one. grouped reports whether the archive's group exists.
func newFullRig(t *testing.T, grouped bool) (r *rig, n int, broken string) {
	t.Helper()
	server := testenv.Redis(t, testenv.Args("--maxmemory", "6mb", "--maxmemory-policy", "noeviction"))
	r = newRig(t, server.URL(), "")
	r.server = server
	if grouped {
		if _, err := r.client.CreateGroup(t.Context(), stream, Group, redis.ID{}); err != nil {
			t.Fatal(err)
		}
	}
	for {
		record := append(numbered(n, 1)[0], "fill", strings.Repeat("x", 8<<10)) // the codec ignores it
		_, err := r.client.Add(t.Context(), stream, 0, record...)
		if redis.IsOutOfMemory(err) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	server.Do("CONFIG", "SET", "maxmemory", "0")
	broken = r.addUndecodable()                    // the newest, so trimming leaves it
	server.Do("CONFIG", "SET", "maxmemory", "4mb") // room for connections
	return r, n, broken
}

// TestMaxmemory: the archive starts and drains a stream that fills the memory. The dead
// letter that it cannot write waits, readiness says so, and trimming resolves it.
func TestMaxmemory(t *testing.T) {
	r, n, broken := newFullRig(t, true)
	a := r.newArchive(retryOften)
	a.CheckDeadLetters(t.Context())
	r.run(a)
	r.eventually("all rows", func() bool { return len(r.rows(n+100)) == n && r.pending(stream).Count == 1 })
	r.eventually("readiness to say that dead letters cannot be written", func() bool {
		p := r.healthPart(a, "dead letters "+stream)
		return p.State != health.OK && strings.Contains(p.Reason, "maxmemory")
	})
	r.eventually("several attempts", func() bool { return r.delivered(broken) >= 3 })
	if n := r.server.CutClients(); n == 0 {
		t.Error("no connection was closed")
	}
	r.eventually("the archive to be healthy after a lost connection", func() bool { return r.healthPart(a, "archive "+stream).State == health.OK })
	r.server.Do("XTRIM", stream, "MINID", "=", broken)
	r.wantNothingPends(stream) // the test's own connection was closed, too
	r.eventually("the letter", func() bool { got := r.letterIDs(); return len(got) == 1 && got[0] == broken })
	r.wantNothingPends(stream)
	r.publish(stream, n, 50)
	r.wantRows(n + 50)
	r.eventually("the dead letters to be healthy", func() bool { return r.healthPart(a, "dead letters "+stream).State == health.OK })
	r.wantMetric("processor_archive_lost_total", 0)
}

// TestRefusalsOfOptionalSteps: when Redis refuses steps that only observe, or that
// help other processes, the archive goes on.
func TestRefusalsOfOptionalSteps(t *testing.T) {
	for _, right := range []string{"xinfo|stream", "xautoclaim", "xinfo|consumers", "xgroup|delconsumer", "time", "memory|usage", "xtrim"} {
		t.Run(right, func(t *testing.T) {
			r := newServerRig(t, "")
			r.server.Do("ACL", "SETUSER", "default", "-"+right)
			a := r.newArchive(retryOften)
			r.run(a)
			r.publish(stream, 0, 50)
			r.wantRows(50)
			id := r.addUndecodable()
			r.eventually("the letter", func() bool { return r.pending(stream).Count == 0 && len(r.letterIDs()) == 1 && r.letterIDs()[0] == id })
			r.publish(stream, 50, 50)
			r.wantRows(100)
			r.wantMetric("processor_archive_read_errors_total", 0)
			r.eventually("the archive to be healthy", func() bool { return r.healthPart(a, "archive "+stream).State == health.OK })
		})
	}
}

// When the entry of a refused letter is deleted, the fault ends, although letters still
// cannot be written.
func TestADeletedEntryEndsTheFaultOfItsLetter(t *testing.T) {
	r, _, broken := newFullRig(t, true)
	a := r.newArchive(retryOften)
	r.run(a)
	letters := func() health.State { return r.healthPart(a, "dead letters "+stream).State }
	r.eventually("the letter to be refused", func() bool { return letters() != health.OK })
	r.server.Do("XDEL", stream, broken)
	r.wantNothingPends(stream)
	r.eventually("the fault to be over", func() bool { return letters() == health.OK })
	if n := r.metric("processor_archive_dead_total"); n != 0 {
		t.Errorf("%d letters were written", n)
	}
}

// TestMaxmemoryWithoutAGroup: there is no room for the group. Readiness says what to do,
// and archiving starts when there is room.
func TestMaxmemoryWithoutAGroup(t *testing.T) {
	r, n, _ := newFullRig(t, false)
	a := r.newArchive(retryOften)
	r.run(a)
	r.eventually("readiness to say what to do", func() bool {
		p := r.healthPart(a, "archive "+stream)
		return p.State != health.OK && strings.Contains(p.Reason, "create group") && strings.Contains(p.Reason, "trim the streams (XTRIM) or raise it")
	})
	r.server.Do("CONFIG", "SET", "maxmemory", "0")
	r.wantRows(n)
	r.eventually("the letter", func() bool { return len(r.letterIDs()) == 1 })
	r.eventually("the archive to be healthy", func() bool { return r.healthPart(a, "archive "+stream).State == health.OK })
}
