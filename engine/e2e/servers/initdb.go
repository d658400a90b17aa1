package servers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// initdbAge is how long a result of initdb is used. A cleaner of temporary files deletes
// older files one by one, which would leave half a cluster.
const initdbAge = 24 * time.Hour

// KeepInitdb makes NewCluster keep what initdb has made in the folder for temporary
// files, and copy it the next time: initdb costs more than most tests. testenv sets it
// before the tests run. Programs that tidy up after themselves do not.
var KeepInitdb bool

// initdb makes the data folder of a new cluster, or copies one that was made before. All
// copies have the same system identifier.
func (c *Cluster) initdb() error {
	kept := ""
	if KeepInitdb {
		kept = c.keptData()
	}
	if kept != "" && c.usable(kept) && exec.Command("cp", "-a", kept, c.data()).Run() == nil {
		return nil
	}
	if err := os.RemoveAll(c.data()); err != nil { // of a copy that failed
		return err
	}
	// --no-sync is for initdb alone: the server uses fsync.
	err := c.fill("initdb", "--no-sync", "--no-locale", "--encoding=UTF8", "--auth=trust", "--username="+superuser)
	if err == nil && kept != "" {
		c.keep(kept)
	}
	return err
}

// keptData is where the result of initdb is kept, by version and user. It is "" where
// initdb does not tell its version.
func (c *Cluster) keptData() string {
	version, err := c.command("initdb", "--version").Output()
	fields := strings.Fields(string(version))
	if err != nil || len(fields) < 3 {
		return ""
	}
	return filepath.Join(os.TempDir(), "pitwall-initdb-"+filepath.Base(fields[2])+"-"+strconv.Itoa(os.Getuid()))
}

// usable reports whether the folder is new enough, and belongs to the user that the
// server runs as, with no access for others.
func (c *Cluster) usable(kept string) bool {
	info, err := os.Lstat(kept)
	if err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 || time.Since(info.ModTime()) > initdbAge {
		return false
	}
	uid := os.Getuid()
	if c.cred != nil {
		uid = int(c.cred.Uid)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == uid
}

// keep copies the data of the cluster, which has not run yet, in place of an older copy.
// Where that fails, the next cluster runs initdb again.
func (c *Cluster) keep(kept string) {
	part, err := os.MkdirTemp(c.dir, "kept-")
	if err != nil {
		return
	}
	defer os.RemoveAll(part)
	copied, old := filepath.Join(part, "data"), filepath.Join(part, "old")
	if exec.Command("cp", "-a", c.data(), copied).Run() == nil {
		_ = os.Rename(kept, old)
		_ = os.Rename(copied, kept) // fails when another process has done the same
	}
}
