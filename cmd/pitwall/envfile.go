package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"pitwall/engine/config"
)

// settingsFile is the file of ENV_FILE.
var settingsFile envFile

// envFile puts the settings of a file into the environment of this process. Variables
// that were set before stay.
type envFile struct{ set map[string]bool } // the variables that came from the file

// fileArgument returns the name of the settings file, "" for none.
func fileArgument(args []string) string {
	if v, found := argument(args, "--env-file"); found {
		return v
	}
	return os.Getenv("ENV_FILE")
}

// load reads a file. Variables of an earlier load that are not in the file any more are
// removed. After an error the environment is unchanged. "" is no file.
func (f *envFile) load(name string) error {
	if name == "" {
		return nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read the file of ENV_FILE: %w", err)
	}
	values, err := parseEnvFile(string(text))
	if err != nil {
		return fmt.Errorf("read the file of ENV_FILE: %s: %w", name, err)
	}
	for old := range f.set {
		os.Unsetenv(old)
	}
	f.set = map[string]bool{}
	for name, value := range values {
		if _, given := os.LookupEnv(name); given {
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("read the file of ENV_FILE: %s: %w", name, err)
		}
		f.set[name] = true
	}
	return nil
}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// parseEnvFile reads lines of NAME=value, as systemd and Docker do. Empty lines and
// lines that begin with # are skipped. A value may be in single or double quotes, and a
// name may have export before it. Errors show no value.
func parseEnvFile(text string) (map[string]string, error) {
	values := map[string]string{}
	var errs []error
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, found := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !found || !variable.MatchString(name) {
			errs = append(errs, fmt.Errorf("line %d is not NAME=value", number))
			continue
		}
		value, ok := unquote(value)
		if !ok {
			errs = append(errs, fmt.Errorf("line %d: the quotes of %s are not closed", number, name))
		}
		values[name] = value
	}
	return values, errors.Join(errs...)
}

// unquote returns a value without its quotes. In double quotes, \n, \" and the like
// are escapes.
func unquote(value string) (string, bool) {
	if value == "" || value[0] != '\'' && value[0] != '"' {
		return value, true
	}
	if len(value) < 2 || value[len(value)-1] != value[0] {
		return "", false
	}
	if value[0] == '\'' {
		return value[1 : len(value)-1], true
	}
	out, err := strconv.Unquote(value)
	return out, err == nil
}

// lookalikes warns of environment variables that look like settings and are not.
func lookalikes() []string {
	return config.Lookalikes(os.Environ(), "ENV_FILE", "PUBLIC_URL")
}
