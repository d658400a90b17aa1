package codec

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"
)

func TestNewNamesAreAddedAndMerged(t *testing.T) {
	for name, tt := range map[string]struct{ have, from, added, merged Attributes }{
		"both empty texts":                  {"", "", "", ""},
		"no attributes added":               {`{"a":1}`, "", "", `{"a":1}`},
		"an empty object added":             {`{"a":1}`, `{}`, "", `{"a":1}`},
		"an empty object to no attributes":  {"", `{}`, "", `{}`},
		"no attributes to an empty object":  {`{ }`, "", "", `{ }`},
		"all attributes are new":            {"", `{"a":1,"b":2}`, `{"a":1,"b":2}`, `{"a":1,"b":2}`},
		"to an empty object":                {`{ }`, `{ "a" : 1 }`, `{"a" : 1}`, `{"a" : 1}`},
		"the same":                          {`{"a":1}`, `{"a":1}`, "", `{"a":1}`},
		"another value":                     {`{"a":1}`, `{"a":2}`, "", `{"a":1}`},
		"a new name":                        {`{"a":1}`, `{"a":2,"b":3}`, `{"b":3}`, `{"a":1,"b":3}`},
		"a new name after white space":      {`{"a":1 }`, `{"b":3}`, `{"b":3}`, `{"a":1 ,"b":3}`},
		"names on both sides":               {`{"b":1}`, `{"a":2,"b":3,"c":4}`, `{"a":2,"c":4}`, `{"b":1,"a":2,"c":4}`},
		"another spelling":                  {`{"a":1}`, `{"\u0061":2,"\u0062":3}`, `{"\u0062":3}`, `{"a":1,"\u0062":3}`},
		"escapes in the earlier name":       {`{"\u00e4\n":1}`, "{\"ä\\u000a\":2}", "", `{"\u00e4\n":1}`},
		"a surrogate pair":                  {`{"\ud83d\ude00":1}`, `{"😀":2,"\ud83d\ude01":3}`, `{"\ud83d\ude01":3}`, `{"\ud83d\ude00":1,"\ud83d\ude01":3}`},
		"the beginning of a name":           {`{"ab":1}`, `{"a":2,"abc":3,"\u0061":4}`, `{"abc":3,"\u0061":4}`, `{"ab":1,"abc":3,"\u0061":4}`},
		"a new name twice, the last counts": {`{"a":1}`, `{"b":1,"c":2,"b":3}`, `{"c":2,"b":3}`, `{"a":1,"c":2,"b":3}`},
		"an earlier name twice":             {`{"a":1,"a":2}`, `{"a":3,"b":{"a":1}}`, `{"b":{"a":1}}`, `{"a":1,"a":2,"b":{"a":1}}`},
		"null counts as present":            {`{"a":null}`, `{"a":3}`, "", `{"a":null}`},
		"names inside values":               {`{"a":{"b":1},"x":["c"]}`, `{"b":"}","c":[{"a":1}]}`, `{"b":"}","c":[{"a":1}]}`, `{"a":{"b":1},"x":["c"],"b":"}","c":[{"a":1}]}`},
		"the empty name":                    {`{"":1}`, `{"":2,"a":1}`, `{"a":1}`, `{"":1,"a":1}`},
		"text that no decoder has checked":  {`{"a":1`, `{"b":`, "", `{"a":1`},
		"no objects":                        {`[1]`, `"b"`, "", `[1]`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := AddedAttributes([]byte("x"), tt.have, tt.from); string(got) != "x"+string(tt.added) {
				t.Errorf("added %s, want %s", got[1:], tt.added)
			}
			if got := MergeAttributes([]byte("x"), tt.have, tt.from); string(got) != "x"+string(tt.merged) {
				t.Errorf("merged %s, want %s", got[1:], tt.merged)
			}
		})
	}
}

// longAttributes returns an object of n names, each twice: name-i, name-i+1, and so on.
func longAttributes(i, n int) Attributes {
	var b strings.Builder
	for k := range 2 * n {
		fmt.Fprintf(&b, `,"\u006eame-%d":%d`, i+k%n, k)
	}
	return Attributes("{" + b.String()[1:] + "}")
}

// The names of long objects are looked up in a table. The result is the same as with
// a comparison of all pairs.
func TestNamesOfLongAttributesAreLookedUp(t *testing.T) {
	have, from := longAttributes(0, 300), longAttributes(200, 300)
	if (len(have)+len(from))*len(from) <= maxPairwise {
		t.Fatal("the attributes are too short to need a table")
	}
	got := map[string]int{}
	if err := json.Unmarshal(AddedAttributes(nil, have, from), &got); err != nil || len(got) != 200 {
		t.Fatalf("%d names added: %v", len(got), err)
	}
	for k := 300; k < 500; k++ {
		if v := got[fmt.Sprintf("name-%d", k)]; v != 300+k-200 {
			t.Errorf("name-%d is %d, want its last value %d", k, v, 300+k-200)
		}
	}
}

func TestAppendAddedAddsNewNamesOfTheSamePlace(t *testing.T) {
	p := plainPosition()
	p.DeviceID = `d"\1`
	bare := p
	bare.Has, bare.Attributes = 0, ""
	more := p
	more.Attributes = `{"alarm":"sos","battery":1}`
	elsewhere := more
	elsewhere.Lat += 1e-7
	east := more
	east.Lon = -east.Lon
	body := string(AppendBody(nil, &p, 42))
	for name, tt := range map[string]struct {
		of   Position
		from Position
		want string // "" when nothing is added
	}{
		"the same once more":   {p, p, ""},
		"without attributes":   {p, bare, ""},
		"other values":         {p, func() Position { q := p; q.Attributes = `{"battery":1}`; return q }(), ""},
		"an empty object":      {bare, func() Position { q := p; q.Attributes = `{ }`; return q }(), ""},
		"a new name":           {p, more, strings.Replace(body, `{"battery":87}`, `{"battery":87,"alarm":"sos"}`, 1)},
		"to no attributes":     {bare, more, strings.Replace(string(AppendBody(nil, &bare, 42)), `11.5}`, `11.5,"attributes":{"alarm":"sos","battery":1}}`, 1)},
		"to an empty object":   {func() Position { q := p; q.Attributes = `{}`; return q }(), more, strings.Replace(body, `{"battery":87}`, `{"alarm":"sos","battery":1}`, 1)},
		"at another latitude":  {p, elsewhere, ""},
		"at another longitude": {p, east, ""},
		"negative zero":        {Position{DeviceID: "d"}, Position{DeviceID: "d", Lat: math.Copysign(0, -1), Attributes: `{"a":1}`}, `{"deviceId":"d","ts":42,"lat":0,"lon":0,"attributes":{"a":1}}`},
		"a latitude of NaN":    {Position{DeviceID: "d", Lat: math.NaN()}, Position{DeviceID: "d", Lat: math.NaN(), Attributes: `{"a":1}`}, ""},
		"one optional value": {func() Position { q := p; q.Has = HasCourse; return q }(), more,
			`{"deviceId":"d\"\\1","ts":42,"lat":47.1234567,"lon":-11.5,"course":359.9,"attributes":{"battery":87,"alarm":"sos"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			body := AppendBody(nil, &tt.of, 42)
			got, ok := AppendAdded([]byte("x"), body, &tt.from)
			if string(got) != "x"+tt.want || ok != (tt.want != "") {
				t.Errorf("%s and %s: %t\ngot  %s\nwant %s", body, tt.from.Attributes, ok, got[1:], tt.want)
			}
			if again, ok := AppendAdded(nil, got[1:], &tt.from); ok {
				t.Errorf("added twice: %s", again)
			}
		})
	}
	for i := range body { // a truncated body must not cause a panic
		_, _ = AppendAdded(nil, []byte(body[:i]), &more)
	}
}

// FuzzAdded compares the added attributes, the merged ones and the body with maps.
func FuzzAdded(f *testing.F) {
	f.Add(`{"a":1}`, `{"b":2}`)
	f.Add(`{}`, `{"b":2,"\u0062":null}`)
	f.Add(`{"a":{"b":[1,2]},"ü":"x"}`, `{ "\u00fc" : 1, "a\n":{"__bigint":"1"} }`)
	f.Add("", `{"a":"b"}`)
	f.Fuzz(func(t *testing.T, a, b string) {
		have, okA := checked(a)
		from, okB := checked(b)
		if !okA || !okB {
			return
		}
		old, more := parsedObject(t, []byte(have)), parsedObject(t, []byte(from))
		added := maps.Clone(more)
		for name := range old {
			delete(added, name)
		}
		checkObject(t, "added", AddedAttributes(nil, have, from), added)
		p := plainPosition()
		p.Attributes = have
		body := AppendBody(nil, &p, p.TS)
		p.Attributes = from
		got, changed := AppendAdded(nil, body, &p)
		if changed != (len(added) > 0) {
			t.Fatalf("%s and %s: changed %t", have, from, changed)
		}
		maps.Copy(added, old)
		checkObject(t, "merged", MergeAttributes(nil, have, from), added)
		if changed {
			wire := parse[wireBody](t, got)
			checkObject(t, "the body's", wire.Attributes, added)
		}
	})
}

// checked decodes attributes. "" means that there are none.
func checked(text string) (Attributes, bool) {
	if text == "" {
		return "", true
	}
	d := NewDecoder(DefaultLimits())
	var p Position
	err := d.Decode(&p, testArrival, 0, flatWith("attributes", text))
	return p.Attributes, err == nil
}

// parsedObject reads an object with encoding/json, which takes the last value of a
// name.
func parsedObject(t *testing.T, text []byte) map[string]string {
	t.Helper()
	if len(text) == 0 {
		return map[string]string{}
	}
	raw := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &raw); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	values := map[string]string{}
	for name, v := range raw {
		values[name] = string(v)
	}
	return values
}

func checkObject(t *testing.T, what string, text []byte, want map[string]string) {
	t.Helper()
	if got := parsedObject(t, text); !maps.Equal(got, want) {
		t.Fatalf("%s: %s, want %v", what, text, want)
	}
}
