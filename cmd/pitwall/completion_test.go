package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The script for bash completes commands, subcommands, flags and values when it is
// sourced. bash itself splits the line, also at =.
func TestCompletionInBash(t *testing.T) {
	folder := t.TempDir()
	if err := os.Symlink(commandPath(t), filepath.Join(folder, "pitwall")); err != nil {
		t.Fatal(err)
	}
	// complete prints what the function that is registered for pitwall answers.
	const script = `set -u
source <(pitwall completion bash)
[[ $(complete -p pitwall) == *"-F _pitwall pitwall" ]] || exit 9
ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pitwall; echo "${COMPREPLY[*]-}"; }
ask pitwall ''
ask pitwall tok
ask pitwall token ''
ask pitwall token check --js
ask pitwall serve --auth-mode ''
ask pitwall serve --auth-mode = j
ask pitwall serve --log-level ''
ask pitwall --env-file x check --format = ''
ask pitwall serve --no-live-d
ask pitwall completion ''
ask pitwall migrate --database-u
ask pitwall roster import fi
ask ./pitwall nothing-of-ours
`
	cmd := exec.CommandContext(t.Context(), "bash", "--norc", "--noprofile", "-c", script)
	cmd.Dir = folder
	cmd.Env = []string{"PATH=" + folder + ":" + os.Getenv("PATH"), asProgram + "=1"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	for i, want := range []string{
		"*serve config migrate", "token", "create revoke list user check", "--json", "none jwt http", "jwt", "debug info warn error", "nagios json prometheus",
		"--no-live-deflate", "bash zsh fish", "--database-url --database-url-file", "", "",
	} {
		if i >= len(lines) {
			t.Fatalf("%d lines:\n%s", len(lines), out)
		}
		begin, isBegin := strings.CutPrefix(want, "*")
		if lines[i] != want && !(isBegin && strings.HasPrefix(lines[i], begin)) {
			t.Errorf("answer %d is %q, want %q", i+1, lines[i], want)
		}
	}
	if words := strings.Fields(lines[0]); !slices.Contains(words, "completion") || slices.Contains(words, completeCommand) {
		t.Errorf("commands: %q", words)
	}
}

// The scripts for zsh and fish hand all words to the program and register themselves.
func TestCompletionScripts(t *testing.T) {
	for shell, parts := range map[string][]string{
		"zsh":  {"#compdef pitwall\n", `__complete "${(@)words[2,CURRENT]}"`, "_describe pitwall values", "_files", "\ncompdef _pitwall pitwall\n"},
		"fish": {`__complete $before "$current"`, "__fish_complete_path", "complete -c pitwall -k -f -a '(__pitwall_complete)'"},
	} {
		out, errs, code := execute(t, nil, "completion", shell)
		if code != 0 || errs != "" {
			t.Errorf("%s: exit code %d, %s", shell, code, errs)
		}
		mentions(t, out, parts...)
	}
	if _, errs, code := execute(t, nil, "completion", "csh"); code != exitUsage {
		t.Errorf("csh: exit code %d, %s", code, errs)
	}
	out, _, code := execute(t, []string{"LIVE_FLUSH_MS=many"}, completeCommand, "token", "ch")
	if code != 0 || !strings.HasPrefix(out, "check\tExplain") {
		t.Errorf("with a wrong setting: exit code %d, %q", code, out)
	}
}
