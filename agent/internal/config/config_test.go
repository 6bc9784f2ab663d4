package config

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func environment(pairs map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { value, ok := pairs[name]; return value, ok }
}

func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "agent.yaml")
	content := "url: http://file\nrate: 29\ninterval: 10s\nqueue_max: 1MiB\nthreads: true\nlabels:\n  zone: a\n  rack: 7\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	env := environment(map[string]string{"BRAZIER_AGENT_CONFIG": file, "BRAZIER_AGENT_URL": "http://env", "BRAZIER_AGENT_RATE": "39"})
	c, err := Read([]string{"--rate", "49", "--threads=false"}, env, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if c.Rate != 49 || c.URL != "http://env" || c.Interval != 10*time.Second || c.QueueMax != 1<<20 || c.Threads {
		t.Errorf("got %+v", c)
	}
	if c.Labels["zone"] != "a" || c.Labels["rack"] != "7" {
		t.Errorf("labels: %v", c.Labels)
	}
	if c.Timeout != 30*time.Second {
		t.Errorf("a default is lost: %v", c.Timeout)
	}
	lines := c.Lines()
	if lines["rate"] != "49 (flag)" || lines["url"] != "http://env (environment)" || lines["interval"] != "10s (file)" {
		t.Errorf("lines: %v", lines)
	}
}

func TestFaultsAreToldAtOnce(t *testing.T) {
	env := environment(map[string]string{"BRAZIER_AGENT_INTERVAL": "soon", "BRAZIER_AGENT_QUEUE_MAX": "lots"})
	_, err := Read([]string{"--rate", "900", "--url", "localhost", "--collector", "magic", "--cert-file", "x"}, env, io.Discard)
	if err == nil {
		t.Fatal("no fault")
	}
	for _, want := range []string{"rate: 900", "url:", "collector:", "INTERVAL", "QUEUE_MAX", "cert_file and key_file"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not told in: %v", want, err)
		}
	}
}

func TestUnknownsAreRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "agent.yaml")
	if err := os.WriteFile(file, []byte("rte: 29\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	none := environment(nil)
	for _, args := range [][]string{{"--rte", "1"}, {"extra"}, {"--config", file}, {"--config", file + ".missing"}} {
		if _, err := Read(args, none, io.Discard); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	var help strings.Builder
	if _, err := Read([]string{"--help"}, environment(nil), &help); !errors.Is(err, ErrHelp) {
		t.Fatal(err)
	}
	for _, o := range (&Config{}).options() {
		if !strings.Contains(help.String(), "--"+flagName(o.key)+" ") {
			t.Errorf("help does not name %s", o.key)
		}
	}
	if !strings.Contains(help.String(), "(default: 32MiB)") {
		t.Error("help does not show defaults")
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	c, err := Read([]string{"--headers", "Authorization=Basic abc"}, environment(nil), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Lines()["headers"]; got != "*** (flag)" {
		t.Errorf("got %q", got)
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]Bytes{"64MiB": 64 << 20, "1.5KB": 1500, "100": 100, "2Gi": 2 << 30, "7B": 7} {
		if got, err := parseBytes(text); got != want || err != nil {
			t.Errorf("%s: %d %v", text, got, err)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1TB", "x"} {
		if _, err := parseBytes(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
