package transcripts

import "fmt"

// replyLines returns a reply as a transcript shows it: a line per element of a
// list, nested lists as words of the line.
func replyLines(reply any) []string {
	list, ok := reply.([]any)
	if !ok {
		return []string{quoteWords(flat(reply))}
	}
	var out []string
	for _, v := range list {
		out = append(out, quoteWords(flat(v)))
	}
	return out
}

func flat(v any) []string {
	switch v := v.(type) {
	case []any:
		var out []string
		for _, e := range v {
			out = append(out, flat(e)...)
		}
		return out
	case nil:
		return []string{"(nil)"}
	}
	return []string{fmt.Sprint(v)}
}
