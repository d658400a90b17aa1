package alerts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"pitwall/engine/internal/testenv"
)

// clockSource replaces the function from which redis-server takes the time: it adds the
// seconds in the file CLOCK_OFFSET.
const clockSource = `
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
int gettimeofday(struct timeval *tv, void *tz) {
	char text[16] = {0};
	struct timespec ts;
	int fd = open(getenv("CLOCK_OFFSET"), O_RDONLY);
	if (fd >= 0) {
		if (read(fd, text, sizeof text - 1) < 0)
			text[0] = 0;
		close(fd);
	}
	syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec + atol(text);
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}
`

// clockedRedis starts a redis-server with a clock of its own, and returns a function that
// sets the clock ahead of this machine's.
func clockedRedis(t *testing.T) (redis *testenv.RedisServer, ahead func(seconds int)) {
	t.Helper()
	real, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	source, library, offset := filepath.Join(dir, "clock.c"), filepath.Join(dir, "clock.so"), filepath.Join(dir, "offset")
	write := func(path, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write(source, clockSource, 0o644)
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
		t.Fatalf("build the clock: %v\n%s", err, out)
	}
	ahead = func(seconds int) { write(offset, fmt.Sprint(seconds), 0o644) }
	ahead(0)
	write(filepath.Join(dir, "redis-server"), fmt.Sprintf("#!/bin/sh\nCLOCK_OFFSET=%s LD_PRELOAD=%s exec %s \"$@\"\n", offset, library, real), 0o755)
	path := os.Getenv("PATH")
	t.Setenv("PATH", dir+":"+path)
	redis = testenv.Redis(t)
	t.Setenv("PATH", path)
	return redis, ahead
}
