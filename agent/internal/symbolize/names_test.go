package symbolize

import (
	"strings"
	"testing"
	"time"
)

func TestReadable(t *testing.T) {
	cases := map[string]string{
		"main":                                "main",
		"spin.isra.0":                         "spin",
		"spin.part.0.cold":                    "spin",
		"spin.cold":                           "spin",
		"main.work":                           "main.work", // Go
		"_ZN4shop4Cart3addEi":                 "shop::Cart::add",
		"_ZNSt6vectorIiSaIiEE9push_backEOi":   "std::vector<int, std::allocator<int> >::push_back",
		"_ZN5hello5inner17h0123456789abcdefE": "hello::inner",
		"_RNvCs1234_5hello4work":              "hello::work",
		"_ZN4shop4Cart3addEi.constprop.0":     "shop::Cart::add",
		"_Znot_mangled":                       "_Znot_mangled",
		"bad\xff":                             "bad\uFFFD",
	}
	for mangled, want := range cases {
		if got := readable(mangled); got != want {
			t.Errorf("%s: got %q, want %q", mangled, got, want)
		}
	}
	if got := readable(strings.Repeat("x", 5000)); len(got) != 1024 {
		t.Errorf("a name of %d bytes", len(got))
	}
}

func TestKernelTable(t *testing.T) {
	table := "ffffffff81000000 T _stext\nffffffff81000100 t do_work\nffffffff81000200 D data\nffffffffc0000000 t helper\t[module]\n"
	k, err := parseKernel(strings.NewReader(table))
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[uint64]string{
		0xffffffff81000000: "_stext", 0xffffffff81000150: "do_work", 0xffffffffc0000010: "helper", 0x1000: "",
	} {
		if got := k.Name(address); got != want {
			t.Errorf("%#x: got %q, want %q", address, got, want)
		}
	}
	if _, err := parseKernel(strings.NewReader("0000000000000000 T _stext\n")); err == nil || !strings.Contains(err.Error(), "CAP_SYSLOG") {
		t.Errorf("a hidden table: %v", err)
	}
}

func TestPerfMap(t *testing.T) {
	entries := parsePerfMap(strings.NewReader("1000 100 LazyCompile:~old\n2000 20 other one\nnonsense\n1000 80 LazyCompile:*new\nffffffffffffffff ff wraps\n"))
	m := &PerfMap{entries: entries, checked: time.Now()}
	for address, want := range map[uint64]string{0x1010: "LazyCompile:*new", 0x1090: "", 0x2000: "other one", 0x2020: "", 0x10: ""} {
		if got := m.Name(address, m.checked); got != want {
			t.Errorf("%#x: got %q, want %q", address, got, want)
		}
	}
}

func TestInnermostPid(t *testing.T) {
	for status, want := range map[string]int{"Name:\tx\nNSpid:\t900\t7\n": 7, "NSpid:\t900\n": 900, "": 900, "NSpid:\n": 900} {
		if got := innermostPid(status, 900); got != want {
			t.Errorf("%q: %d", status, got)
		}
	}
}
