package doctor

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/windows"
)

// listListeners is the command that shows which process has a port.
const listListeners = "netstat -ano"

// openFiles knows no limit here.
func openFiles() (limit uint64, known bool) { return 0, false }

// inUse reports whether another socket has the address.
func inUse(err error) bool { return errors.Is(err, windows.WSAEADDRINUSE) }

// everybodyReads does not know: rights are lists here, which the mode does not show.
func everybodyReads(fs.FileInfo) bool { return false }
