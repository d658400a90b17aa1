package codec

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// oracleAttributesInto sets the attributes of p from valid JSON. If all members can be
// attributes, the text is unchanged. Otherwise the others are left out, with the white
// space around all members.
func oracleAttributesInto(p *Position, left *uint16, raw []byte) {
	*left &^= 1<<OptionalAttributes | 1<<OptionalAttribute
	p.Attributes = ""
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	switch t, _ := d.Token(); t {
	case json.Delim('{'):
	case nil:
		return
	default:
		*left |= 1 << OptionalAttributes
		return
	}
	p.Attributes = Attributes(raw)
	var valid []string
	for d.More() {
		from := int(d.InputOffset())
		_, _ = d.Token()
		name := string(raw[from:d.InputOffset()])
		var value json.RawMessage
		_ = d.Decode(&value)
		member := strings.TrimLeft(string(raw[from:d.InputOffset()]), ", \t\r\n")
		if oracleText(name) && oracleText(string(value)) && oracleNumbers(value) && oracleAttribute(value) {
			valid = append(valid, member)
		} else {
			*left |= 1 << OptionalAttribute
		}
	}
	if *left&(1<<OptionalAttribute) != 0 {
		p.Attributes = Attributes("{" + strings.Join(valid, ",") + "}")
	}
}

var integerForm = regexp.MustCompile(`^-?[0-9]+$`)

// oracleAttribute reports whether a value can be an attribute. An object whose only
// member is named after a kind must be of that kind.
func oracleAttribute(value json.RawMessage) bool {
	var v any
	if json.Unmarshal(value, &v) != nil {
		return false
	}
	tagged, isObject := v.(map[string]any)
	d := json.NewDecoder(strings.NewReader(string(value)))
	_, _ = d.Token()
	members := 0
	for isObject && d.More() {
		var skipped json.RawMessage
		_, _ = d.Token()
		_ = d.Decode(&skipped)
		members++
	}
	if members != 1 {
		return true
	}
	if v, named := tagged["__bigint"]; named {
		text, isText := v.(string)
		return isText && integerForm.MatchString(text) && !strings.HasSuffix(text, "\n")
	}
	if v, named := tagged["__buffer_b64"]; named {
		text, isText := v.(string)
		_, err := base64.StdEncoding.DecodeString(text)
		return isText && err == nil && !strings.ContainsAny(text, "\r\n")
	}
	return true
}

// oracleNumbers reports whether every number in valid JSON fits a float64.
func oracleNumbers(raw []byte) bool {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	for {
		t, err := d.Token()
		if err != nil {
			return true
		}
		if n, isNumber := t.(json.Number); isNumber {
			if _, ok := oracleNumber(n.String()); !ok {
				return false
			}
		}
	}
}

// oracleDepth returns how deep valid JSON is nested.
func oracleDepth(text string) (deepest int) {
	d := json.NewDecoder(strings.NewReader(text))
	depth := 0
	for {
		t, err := d.Token()
		if err != nil {
			return deepest
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
			deepest = max(deepest, depth)
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}

// oracleText reports whether valid JSON is UTF-8 without NUL and lone surrogates.
func oracleText(text string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		i++
		if text[i] != 'u' {
			continue
		}
		r, _ := strconv.ParseUint(text[i+1:i+5], 16, 16)
		i += 4
		switch {
		case r == 0:
			return false
		case !utf16.IsSurrogate(rune(r)):
		case i+6 < len(text) && text[i+1] == '\\' && text[i+2] == 'u':
			low, _ := strconv.ParseUint(text[i+3:i+7], 16, 16)
			if utf16.DecodeRune(rune(r), rune(low)) == utf8.RuneError {
				return false
			}
			i += 6
		default:
			return false
		}
	}
	return true
}
