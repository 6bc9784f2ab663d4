package symbolize

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"debug/elf"

	"brazier.dev/agent/internal/sample"
)

// Programs of every kind of debug information are compiled and asked about; an address of a function comes from the unstripped file.

const program = `
#include <stdio.h>
volatile long x;
static inline __attribute__((always_inline)) void inner(int n) {
  for (int i = 0; i < n; i++) x += i; /* line 5 */
}
__attribute__((noinline)) static void local_work(int n) {
  inner(n); /* line 8 */
}
__attribute__((noinline)) void exported_work(int n) { local_work(n); x++; }
int main(int argc, char **argv) { exported_work(argc); return 0; }
`

func compile(t *testing.T, arguments ...string) string {
	t.Helper()
	for _, tool := range []string{"gcc", "strip", "objcopy", "xz", "nm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("skipped: %s is not on this machine", tool)
		}
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "work.c")
	if err := os.WriteFile(source, []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "work")
	run(t, "gcc", append([]string{"-O1", "-rdynamic", "-Wl,--build-id=sha1", "-o", binary, source}, arguments...)...)
	return binary
}

func run(t *testing.T, program string, arguments ...string) string {
	t.Helper()
	output, err := exec.Command(program, arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", program, arguments, err, output)
	}
	return string(output)
}

func addressOf(t *testing.T, binary, function string) uint64 {
	t.Helper()
	image, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	symbols, err := image.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		if s.Name == function {
			return s.Value + 8
		}
	}
	t.Fatalf("%s has no %s", binary, function)
	return 0
}

func quietly() *slog.Logger { return slog.New(slog.DiscardHandler) }

func mappingOf(t *testing.T, path string) *sample.Mapping {
	t.Helper()
	image, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	return &sample.Mapping{Path: path, BuildID: BuildID(image), FileID: path}
}

func seen(s *Symbolizer, mapping *sample.Mapping) {
	s.Seen(Source{Mapping: mapping, PID: os.Getpid(), Open: func() (File, error) { return os.Open(mapping.Path) }})
}

func ask(t *testing.T, path string, limits Limits, address uint64) []sample.Frame {
	t.Helper()
	s := New(limits, quietly(), time.Now)
	mapping := mappingOf(t, path)
	seen(s, mapping)
	return s.Resolve([]sample.Frame{{Kind: sample.Native, Address: address, Mapping: mapping}})[0]
}

func TestFunctionsOfEveryKindOfFile(t *testing.T) {
	plain := compile(t)
	local, exported := addressOf(t, plain, "local_work"), addressOf(t, plain, "exported_work")

	stripped := plain + ".stripped"
	run(t, "strip", "-o", stripped, plain)

	mini := plain + ".mini"
	symbols := plain + ".symbols"
	run(t, "objcopy", "--only-keep-debug", plain, symbols)
	run(t, "xz", "-k", symbols)
	run(t, "objcopy", "--add-section", ".gnu_debugdata="+symbols+".xz", stripped, mini)

	cases := []struct {
		name, path string
		address    uint64
		want       string
	}{
		{"symbol table, local function", plain, local, "local_work"},
		{"symbol table, exported function", plain, exported, "exported_work"},
		{"stripped, local function", stripped, local, ""},
		{"stripped, exported function", stripped, exported, "exported_work"},
		{"mini debug info", mini, local, "local_work"},
		{"outside of every function", plain, 1, ""},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			got := ask(t, test.path, DefaultLimits, test.address)
			name := ""
			if len(got) > 0 {
				name = got[0].Function
			}
			if name != test.want {
				t.Errorf("got %q, want %q", name, test.want)
			}
		})
	}
}

func TestLinesAndInlinedFunctions(t *testing.T) {
	for _, version := range []string{"-gdwarf-4", "-gdwarf-5"} {
		t.Run(version, func(t *testing.T) {
			binary := compile(t, version)
			got := ask(t, binary, DefaultLimits, addressOf(t, binary, "local_work"))
			if len(got) != 2 || got[0].Function != "inner" || got[1].Function != "local_work" {
				t.Fatalf("got %+v", got)
			}
			if !got[0].Inlined || got[1].Inlined {
				t.Errorf("which one is inlined: %+v", got)
			}
			if got[0].Line != 5 || got[1].Line != 8 || !strings.HasSuffix(got[1].File, "work.c") {
				t.Errorf("lines: %+v", got)
			}
		})
	}
	t.Run("over the limit", func(t *testing.T) {
		binary := compile(t, "-g")
		limits := DefaultLimits
		limits.Lines = 16
		got := ask(t, binary, limits, addressOf(t, binary, "local_work"))
		if len(got) != 1 || got[0].Function != "local_work" {
			t.Errorf("got %+v", got)
		}
	})
}

func TestSeparateDebugFileCountsOnlyWithTheSameBuildID(t *testing.T) {
	binary := compile(t)
	address := addressOf(t, binary, "local_work")
	debug := binary + ".debug"
	run(t, "objcopy", "--only-keep-debug", binary, debug)
	stripped := binary + ".stripped"
	run(t, "strip", "-o", stripped, binary)

	other := compile(t, "-DX=1", "-Wl,--build-id=0x1234567812345678")
	for link, want := range map[string]string{debug: "local_work", other: ""} {
		s := New(DefaultLimits, quietly(), time.Now)
		mapping := mappingOf(t, stripped)
		s.Seen(Source{
			Mapping: mapping, PID: os.Getpid(), DebugLink: link,
			Open: func() (File, error) { return os.Open(stripped) },
		})
		got := s.Resolve([]sample.Frame{{Kind: sample.Native, Address: address, Mapping: mapping}})[0]
		name := ""
		if len(got) > 0 {
			name = got[0].Function
		}
		if name != want {
			t.Errorf("%s: got %q, want %q", link, name, want)
		}
	}
}

func TestFileIsReadAfterItWasDeleted(t *testing.T) {
	binary := compile(t)
	address := addressOf(t, binary, "local_work")
	s := New(DefaultLimits, quietly(), time.Now)
	mapping := mappingOf(t, binary)
	seen(s, mapping)
	if err := os.Remove(binary); err != nil {
		t.Fatal(err)
	}
	got := s.Resolve([]sample.Frame{{Kind: sample.Native, Address: address, Mapping: mapping}})[0]
	if len(got) != 1 || got[0].Function != "local_work" {
		t.Errorf("got %+v", got)
	}
}

func TestOpenFilesStayWithinTheLimitAndComeBack(t *testing.T) {
	binary := compile(t)
	address := addressOf(t, binary, "local_work")
	limits := DefaultLimits
	limits.Files = 2
	clock := time.Unix(0, 0)
	s := New(limits, quietly(), func() time.Time { clock = clock.Add(time.Second); return clock })
	var frames []sample.Frame
	for i := range 5 {
		path := binary + string(rune('a'+i))
		run(t, "cp", binary, path)
		mapping := mappingOf(t, path)
		seen(s, mapping)
		frames = append(frames, sample.Frame{Kind: sample.Native, Address: address, Mapping: mapping})
	}
	if got := s.Stats().OpenFiles; got > 2 {
		t.Errorf("%d files are open", got)
	}
	for i, got := range s.Resolve(frames) {
		if len(got) != 1 || got[0].Function != "local_work" {
			t.Errorf("file %d: %+v", i, got)
		}
	}
	if got := s.Stats(); got.OpenFiles > 2 || got.Evicted == 0 {
		t.Errorf("stats: %+v", got)
	}
}

func TestAnotherFileAtThePathIsNotRead(t *testing.T) {
	binary := compile(t)
	limits := DefaultLimits
	limits.Files = 1
	s := New(limits, quietly(), time.Now)
	mapping := mappingOf(t, binary)
	seen(s, mapping)
	second := binary + "2"
	run(t, "cp", binary, second)
	seen(s, mappingOf(t, second)) // closes the first
	if err := os.Remove(binary); err != nil {
		t.Fatal(err)
	}
	run(t, "cp", second, binary)
	got := s.Resolve([]sample.Frame{{Kind: sample.Native, Address: addressOf(t, second, "local_work"), Mapping: mapping}})[0]
	if len(got) != 0 {
		t.Errorf("names from another file: %+v", got)
	}
}

func TestBrokenFilesAreSurvived(t *testing.T) {
	binary := compile(t, "-g")
	whole, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	address := addressOf(t, binary, "local_work")
	for step := range 200 {
		damaged := append([]byte(nil), whole...)
		// A simple generator, so that a failure is the same one next time.
		seed := uint32(step*2654435761 + 1)
		for range 200 {
			seed = seed*1664525 + 1013904223
			damaged[int(seed)%len(damaged)&^0x7] ^= byte(seed >> 16)
		}
		if step%4 == 0 {
			damaged = damaged[:len(damaged)*step/200]
		}
		path := binary + ".damaged"
		if err := os.WriteFile(path, damaged, 0o755); err != nil {
			t.Fatal(err)
		}
		s := New(DefaultLimits, quietly(), time.Now)
		mapping := &sample.Mapping{Path: path, FileID: path}
		seen(s, mapping)
		s.Resolve([]sample.Frame{{Kind: sample.Native, Address: address, Mapping: mapping}})
	}
}

func TestInterpretedFramesPassThrough(t *testing.T) {
	s := New(DefaultLimits, quietly(), time.Now)
	frames := []sample.Frame{{Kind: sample.Python, Function: "work", File: "w.py", Line: 3}, {Kind: sample.Kernel, Address: 7}}
	got := s.Resolve(frames)
	if len(got[0]) != 1 || got[0][0] != frames[0] || got[1] != nil {
		t.Errorf("got %+v", got)
	}
}
