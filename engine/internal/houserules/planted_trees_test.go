package houserules

import "strings"

func plantedTrees() []planted {
	long := func(lines int) string { return strings.Repeat("\n", lines) }
	return []planted{
		{"a new folder", "top folders", one("util/x.go", ""), []string{"folder util"}},
		{"the root", "top folders", one("x.go", ""), []string{"root"}},
		{"a known folder", "top folders", one("codec/x.go", ""), nil},

		{"codec looks up", "arrows", one("codec/x.go", imports("pitwall/shard")), []string{"codec (codec) imports shard"}},
		{"shard looks up", "arrows", one("shard/x.go", imports("pitwall/engine/live")), []string{"imports engine/live (room)"}},
		{"a room into another", "arrows", one("engine/feed/x.go", imports("pitwall/engine/live")), []string{"engine/feed (room) imports engine/live"}},
		{"a room's test into another", "arrows", one("engine/feed/x_test.go", imports("pitwall/engine/live")), []string{"engine/live"}},
		{"a room below into another", "arrows", one("engine/feed/deep/x.go", imports("pitwall/engine/ops/deep")), []string{"engine/ops/deep"}},
		{"a room into the engine", "arrows", one("engine/ops/x.go", imports("pitwall/engine")), []string{"imports engine (engine)"}},
		{"a room into the front", "arrows", one("engine/live/x.go", imports("pitwall/engine/front")), []string{"engine/live (room) imports engine/front (front)"}},
		{"the front into the engine", "arrows", one("engine/front/x.go", imports("pitwall/engine")), []string{"engine/front (front) imports engine (engine)"}},
		{"the settings into a room", "arrows", one("engine/config/x.go", imports("pitwall/engine/access")), []string{"engine/config (config) imports engine/access (room)"}},
		{"a room into the settings", "arrows", one("engine/live/x.go", imports("pitwall/engine/config")), []string{"engine/live (room) imports engine/config (config)"}},
		{"the front into the settings", "arrows", one("engine/front/x.go", imports("pitwall/engine/config")), []string{"engine/front (front) imports engine/config (config)"}},
		{"a command into the engine", "arrows", one("engine/admin/x.go", imports("pitwall/engine")), []string{"engine/admin (admin) imports engine (engine)"}},
		{"the engine into the commands", "arrows", one("engine/x.go", imports("pitwall/engine/admin")), []string{"engine (engine) imports engine/admin (admin)"}},
		{"cmd into the front", "arrows", one("cmd/pitwall/x.go", imports("pitwall/engine/front")), []string{"imports engine/front (front)"}},
		{"internal into a room", "arrows", one("engine/internal/db/x.go", imports("pitwall/engine/archive")), []string{"engine/archive"}},
		{"the engine into cmd", "arrows", one("engine/x.go", imports("pitwall/cmd/pitwall")), []string{"cmd/pitwall"}},
		{"the engine into bench", "arrows", one("engine/x.go", imports("pitwall/bench")), []string{"bench"}},
		{"cmd into a room", "arrows", one("cmd/pitwall/x.go", imports("pitwall/engine/live")), []string{"engine/live"}},
		{"testenv outside tests", "arrows", one("engine/feed/x.go", imports("pitwall/engine/internal/testenv")), []string{"testenv"}},
		{"testenv into a door", "arrows", one("engine/internal/testenv/x.go", imports("pitwall/engine/internal/redis")), []string{"engine/internal/redis"}},
		{"downwards", "arrows", map[string]string{
			"cmd/pitwall/x.go":               imports("pitwall/engine", "pitwall/engine/admin", "pitwall/engine/config"),
			"engine/admin/x.go":              imports("pitwall/engine/archive", "pitwall/engine/config", "pitwall/engine/internal/db"),
			"engine/config/x.go":             imports("pitwall/engine/internal/origin"),
			"engine/x.go":                    imports("pitwall/engine/config", "pitwall/engine/front", "pitwall/engine/live", "pitwall/engine/internal/db", "pitwall/shard", "pitwall/codec"),
			"engine/front/x.go":              imports("pitwall/engine/live", "pitwall/engine/internal/origin", "pitwall/shard"),
			"engine/feed/x.go":               imports("pitwall/engine/internal/redis", "pitwall/shard", "pitwall/codec", "pitwall/engine/feed/deep"),
			"engine/feed/x_test.go":          imports("pitwall/engine/internal/testenv", "pitwall/engine/feed"),
			"engine/internal/db/x.go":        imports("pitwall/migrations", "pitwall/shard"),
			"shard/x.go":                     imports("pitwall/codec"),
			"shard/x_test.go":                imports("pitwall/shard"),
			"engine/internal/testenv/s/x.go": imports("pitwall/engine/internal/testenv"),
		}, nil},

		{"the wrong room", "doors", one("engine/feed/x.go", imports("github.com/redis/rueidis")), []string{"belongs to engine/internal/redis"}},
		{"a part of the library, in a test", "doors", one("engine/feed/x_test.go", imports("github.com/redis/rueidis/rueidislock")), []string{"rueidis"}},
		{"tests only", "doors", one("engine/viewer/x.go", imports("github.com/chromedp/chromedp")), []string{"belongs to tests"}},
		{"unknown", "doors", one("engine/feed/x.go", imports("example.com/shiny")), []string{"no door"}},
		{"its own room", "doors", map[string]string{
			"engine/internal/redis/x.go": imports("github.com/redis/rueidis"),
			"engine/live/x.go":           imports("github.com/lxzan/gws"),
			"engine/feed/x_test.go":      imports("github.com/lxzan/gws", "github.com/google/go-cmp/cmp"),
			"codec/x.go":                 imports("strconv", "encoding/json"),
		}, nil},

		{"the network", "pure core", one("shard/x.go", imports("net")), []string{"imports net"}},
		{"files and logs", "pure core", one("codec/x.go", imports("os", "log/slog")), []string{"imports os", "imports log/slog"}},
		{"a library", "pure core", one("shard/x.go", imports("github.com/VictoriaMetrics/metrics")), []string{"metrics"}},
		{"pure", "pure core", map[string]string{"shard/x.go": imports("context", "sync"), "shard/x_test.go": imports("os")}, nil},

		{"one", "dot imports", one("codec/x_test.go", "import . \"strings\"\n"), []string{"strings"}},

		{"a long file", "file size", one("codec/x.go", long(maxFile)), []string{"lines, at most 300"}},
		{"a long test", "file size", one("codec/x_test.go", long(maxTestFile)), []string{"lines, at most 400"}},
		{"just fits", "file size", map[string]string{
			"codec/x.go":      "package p\n" + long(maxFile-1),
			"codec/x_test.go": "package p\n" + long(maxTestFile-1),
		}, nil},
		{"one line more", "file size", one("codec/x.go", "package p\n"+long(maxFile)), []string{"301 lines"}},

		{"a long function", "function size", one("codec/x.go", "func f() {"+long(maxFunction)+"}\n"), []string{"f has 61 lines"}},
		{"a long literal", "function size", one("codec/x.go", "var f = func() {"+long(maxFunction)+"}\n"), []string{"literal has 61"}},
		{"just fits", "function size", map[string]string{
			"codec/x.go":      "// f is\n// documented.\nfunc f() {" + long(maxFunction-1) + "}\n",
			"codec/x_test.go": "func f() {" + long(maxFunction) + "}\n",
		}, nil},

		{"outside", "atomics", one("engine/feed/x.go", "import a \"sync/atomic\"\nvar x a.Int64\n"), []string{"sync/atomic"}},
		{"in a test", "atomics", one("engine/feed/x_test.go", imports("sync/atomic")), nil},
		{"outside", "unsafe", one("engine/feed/x_test.go", imports("unsafe")), []string{"unsafe"}},
		{"statement", "go statements", one("engine/feed/x.go", "func f() { go f() }\n"), []string{"go statement"}},
		{"in a literal", "go statements", one("engine/feed/x.go", "var f = func() { go func() {}() }\n"), []string{"go statement"}},
		{"wait group", "go statements", one("codec/x.go", "import \"sync\"\nfunc f() { var wg sync.WaitGroup; wg.Go(f) }\n"), []string{"method Go"}},
		{"in a test", "go statements", one("engine/feed/x_test.go", "func f() { go f() }\n"), nil},
		{"in the core", "locks in the core", one("shard/x.go", "import s \"sync\"\ntype t struct{ mu s.RWMutex }\n"), []string{"sync.RWMutex"}},
		{"elsewhere", "locks in the core", one("engine/feed/x.go", "import \"sync\"\nvar mu sync.Mutex\n"), nil},
		{"in the core", "clock in the core", one("shard/x.go", "import \"time\"\nvar t, d = time.Now(), time.Second\n"), []string{"time.Now"}},
		{"elsewhere", "clock in the core", one("engine/feed/x.go", "import \"time\"\nvar t = time.Now()\n"), nil},
		{"one", "skipped tests", one("codec/x_test.go", "import \"testing\"\nfunc TestX(t *testing.T) { t.Skipf(\"\") }\n"), []string{"Skipf"}},
		{"a server that is missing", "skipped tests", one("engine/internal/testenv/x.go", "import \"testing\"\nfunc x(t testing.TB) { t.Skip() }\n"), []string{"Skip"}},
		{"in a test", "sleep", one("engine/feed/x_test.go", "import \"time\"\nfunc f() { time.Sleep(1) }\n"), []string{"time.Sleep"}},
		{"renamed", "sleep", one("engine/feed/x.go", "import clock \"time\"\nvar sleep = clock.Sleep\n"), []string{"time.Sleep"}},
		{"two names", "sleep", one("engine/feed/x.go", "import (\n\"time\"\nb \"time\"\n)\nvar d, sleep = time.Second, b.Sleep\n"), []string{"time.Sleep"}},

		{"too short", "package docs", one("codec/x.go", "// Package codec is short.\npackage codec\n"), []string{"1 lines"}},
		{"none", "package docs", one("codec/x.go", "package codec\n"), []string{"0 lines"}},
		{"one file has it", "package docs", map[string]string{"codec/x.go": "", "codec/y.go": "package p\n", "codec/x_test.go": "package p_test\n"}, nil},

		{"function", "documented names", one("codec/x.go", "func Do() {}\n"), []string{"Do has"}},
		{"method", "documented names", one("codec/x.go", "// T is.\ntype T struct{}\nfunc (t *T) Do() {}\n"), []string{"Do has"}},
		{"method of a generic type", "documented names", one("codec/x.go", "// T is.\ntype T[E any] struct{}\nfunc (t *T[E]) Do() {}\n"), []string{"Do has"}},
		{"type in a group", "documented names", one("codec/x.go", "// Types.\ntype (\nT int\n)\n"), []string{"T has"}},
		{"interface method", "documented names", one("codec/x.go", "// I is.\ntype I interface {\nDo()\n}\n"), []string{"I.Do has"}},
		{"constants and variables", "documented names", one("codec/x.go", "const A = 1\nvar B, c = 1, 2\n"), []string{"A has", "B has"}},
		{"documented or not seen from outside", "documented names", map[string]string{
			"codec/x.go":       "// Do does.\nfunc Do() {}\ntype t int\nfunc (t) Do() {}\n// Names.\nconst (\nA = 1\nB = 2\n)\nvar (\nC int // is C.\n)\n",
			"codec/x_test.go":  "func Do() {}\n",
			"cmd/pitwall/x.go": "package main\nfunc Do() {}\n",
		}, nil},

		{"nolint", "escape comments", one("codec/x.go", "var x = 1 //nolint:all\n"), []string{"nolint"}},
		{"staticcheck", "escape comments", one("codec/x_test.go", "//lint:ignore SA1000 why\nvar x = 1\n"), []string{"lint:"}},
		{"linkname", "escape comments", one("codec/x.go", "//go:linkname f g\nfunc f()\n"), []string{"go:linkname"}},
		{"harmless", "escape comments", one("codec/x.go", "//go:embed x\n// a linter: said so\nvar x = 1\n"), nil},
	}
}
