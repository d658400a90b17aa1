//go:build unix

package doctor

import (
	"errors"
	"io/fs"
	"syscall"
)

// listListeners is the command that shows which process has a port.
const listListeners = "ss -ltnp"

// openFiles returns how many files a process may open. Go raises the soft limit to the
// hard one.
func openFiles() (limit uint64, known bool) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, false
	}
	return uint64(l.Max), true
}

// inUse reports whether another socket has the address.
func inUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

// everybodyReads reports whether every user of the machine can read a file.
func everybodyReads(info fs.FileInfo) bool { return info.Mode().Perm()&0o004 != 0 }
