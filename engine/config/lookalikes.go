package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// ownPrefixes begin names that only Pitwall uses, so that a variable with one is ours
// or a mistake.
var ownPrefixes = []string{"ARCHIVE_", "AUTHZ_", "EMBEDDED_REDIS_", "LIVE_", "PITWALL_", "TELEMETRY_"}

// byKubernetes matches variables that Kubernetes and Docker set for a service, such as
// PITWALL_SERVICE_HOST and LIVE_PORT_8080_TCP_ADDR.
var byKubernetes = regexp.MustCompile(`_SERVICE_(HOST|PORT)|_PORT$|_PORT_\d+_(TCP|UDP)`)

// Lookalikes returns a warning for each variable of environ (NAME=value) that looks
// like a setting and is not one, such as LIVE_FLUSHMS. other are names that are
// settings of commands other than serve. No value is shown.
func Lookalikes(environ []string, other ...string) (warnings []string) {
	known := slices.Clone(other)
	walk(reflect.ValueOf(new(Config)).Elem(), func(f reflect.StructField, _ reflect.Value) { known = append(known, f.Tag.Get("env")) })
	spelled := make([]string, len(known))
	for i, k := range known {
		spelled[i] = letters(k)
	}
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		if slices.Contains(known, name) || byKubernetes.MatchString(name) {
			continue
		}
		switch best := nearest(name, known, spelled); {
		case best != "":
			warnings = append(warnings, fmt.Sprintf("the environment variable %s is not a setting and is ignored: did you mean %s?", name, best))
		case slices.ContainsFunc(ownPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }):
			warnings = append(warnings, fmt.Sprintf("the environment variable %s is not a setting and is ignored", name))
		}
	}
	slices.Sort(warnings)
	return warnings
}

// nearest returns the setting that a name was probably meant to be, "" for none: the
// same letters in another spelling, or a typing error or two in a long name. spelled
// are the letters of each known setting.
func nearest(name string, known, spelled []string) (best string) {
	plain := letters(name)
	least := max(1, len(plain)/6) + 1
	for i, k := range known {
		if d := distance(plain, spelled[i], least); d < least && len(plain) > 3 {
			best, least = k, d
		}
	}
	return best
}

// separators removes what separates words in a name.
var separators = strings.NewReplacer("_", "", "-", "", ".", "")

// letters returns a name in upper case without separators and without our own prefix.
func letters(name string) string {
	name = strings.TrimPrefix(strings.ToUpper(name), "PITWALL_")
	return separators.Replace(name)
}

// distance returns the number of insertions, deletions and substitutions of a byte that
// turn a into b, or limit if it is not less.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return min(row[len(b)], limit)
}
