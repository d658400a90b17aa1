package runner

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// tokens are those of the spectators: of the harness's own platform, of --token, or what
// --token-command prints. The command runs once for each run, since tokens expire.
func (c *Command) tokens(ctx context.Context, a access) ([]string, error) {
	switch {
	case a.token() != "":
		return []string{a.token()}, nil
	case c.Token != "":
		return []string{c.Token}, nil
	case c.TokenCommand == "":
		return nil, nil
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", c.TokenCommand)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run --token-command: %w", err)
	}
	list := strings.Fields(string(out))
	if len(list) == 0 {
		return nil, fmt.Errorf("--token-command has printed no token")
	}
	return list, nil
}
