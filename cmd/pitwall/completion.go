package main

import (
	"embed"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// completeCommand is the first argument with which the scripts of completion ask for the
// words that may follow.
const completeCommand = "__complete"

//go:embed completion
var completionScripts embed.FS

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help says how the script is loaded. kong calls it.
func (completionCmd) Help() string {
	return "bash: source <(pitwall completion bash)\n\nzsh, after compinit: source <(pitwall completion zsh)\n\nfish: pitwall completion fish | source"
}

// Run prints the script of a shell.
func (c *completionCmd) Run() error {
	script, err := completionScripts.ReadFile("completion/pitwall." + c.Shell)
	if err != nil {
		return err
	}
	_, err = stdout.Write(script)
	return err
}

// printCompletions prints the words that may take the place of the last of words, each
// with a tab and its help. No line means that a file name may stand there, or anything.
func printCompletions(words []string) error {
	k, err := kong.New(new(cli), options()...)
	if err != nil {
		return err
	}
	for _, c := range complete(k.Model.Node, words) {
		fmt.Fprintf(stdout, "%s\t%s\n", c.word, strings.Join(strings.Fields(c.help), " "))
	}
	return nil
}

// candidate is a word that may stand at the cursor.
type candidate struct{ word, help string }

// complete returns the candidates for the last of words, which may be incomplete.
func complete(node *kong.Node, words []string) []candidate {
	words = joinEquals(words)
	if len(words) == 0 {
		words = []string{""}
	}
	last := words[len(words)-1]
	var waiting *kong.Flag // the flag whose value comes next
	arguments := 0         // of node so far
	for _, w := range words[:len(words)-1] {
		switch {
		case waiting != nil:
			waiting = nil
		case strings.HasPrefix(w, "-") && w != "-":
			if f := flagOf(node, w); f != nil && !f.IsBool() && !strings.Contains(w, "=") {
				waiting = f
			}
		default:
			if child := childOf(node, w); child != nil {
				node, arguments = child, 0
			} else {
				arguments++
			}
		}
	}
	name, value, hasValue := strings.Cut(last, "=")
	switch {
	case waiting != nil:
		return beginning(valuesOf(waiting.Value, ""), last)
	case strings.HasPrefix(last, "-") && hasValue:
		if f := flagOf(node, name); f != nil {
			return beginning(valuesOf(f.Value, name+"="), name+"="+value)
		}
		return nil
	case strings.HasPrefix(last, "-"):
		return beginning(flagsOf(node), last)
	case arguments < len(node.Positional):
		return beginning(valuesOf(node.Positional[arguments], ""), last)
	}
	var children []candidate
	for _, c := range node.Children {
		if !c.Hidden {
			children = append(children, candidate{c.Name, c.Help})
		}
	}
	return beginning(children, last)
}

// joinEquals joins --flag, = and value, which bash hands over as separate words.
func joinEquals(words []string) (joined []string) {
	for i, w := range words {
		n := len(joined)
		afterEquals := i > 0 && words[i-1] == "=" && n > 0 && strings.HasPrefix(joined[n-1], "--") && strings.HasSuffix(joined[n-1], "=")
		if afterEquals || w == "=" && n > 0 && strings.HasPrefix(joined[n-1], "--") {
			joined[n-1] += w
		} else {
			joined = append(joined, w)
		}
	}
	return joined
}

// allFlags returns the flags that may stand after a command, those of its default
// command included.
func allFlags(node *kong.Node) (list []*kong.Flag) {
	groups := node.AllFlags(true)
	if node.DefaultCmd != nil {
		groups = append(groups, node.DefaultCmd.Flags)
	}
	for _, g := range groups {
		list = append(list, g...)
	}
	return list
}

// flagOf returns the flag that a word begins with, nil for none.
func flagOf(node *kong.Node, word string) *kong.Flag {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	for _, f := range allFlags(node) {
		if f.Name == name {
			return f
		}
	}
	return nil
}

func childOf(node *kong.Node, name string) *kong.Node {
	for _, c := range node.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func flagsOf(node *kong.Node) (list []candidate) {
	for _, f := range allFlags(node) {
		list = append(list, candidate{"--" + f.Name, f.Help})
		if f.Tag.Negatable != "" {
			list = append(list, candidate{"--no-" + f.Name, "Not: " + f.Help})
		}
	}
	return list
}

// valuesOf returns the values of a flag or an argument that are known, in the tags enum
// and values.
func valuesOf(v *kong.Value, before string) (list []candidate) {
	names := v.Tag.Enum
	if names == "" {
		names = v.Tag.Get("values")
	}
	if v.IsBool() {
		names = "true,false"
	}
	for name := range strings.SplitSeq(names, ",") {
		if name != "" {
			list = append(list, candidate{before + name, v.Help})
		}
	}
	return list
}

func beginning(list []candidate, with string) (out []candidate) {
	for _, c := range list {
		if strings.HasPrefix(c.word, with) {
			out = append(out, c)
		}
	}
	return out
}
