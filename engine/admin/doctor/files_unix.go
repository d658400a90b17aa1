//go:build unix

package doctor

import "syscall"

// openFiles returns how many files a process may open. Go raises the soft limit to the
// hard one.
func openFiles() (limit uint64, known bool) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, false
	}
	return uint64(l.Max), true
}
