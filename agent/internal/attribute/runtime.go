package attribute

import (
	"regexp"

	"brazier.dev/agent/internal/sample"
)

// runtimesByProgram: programs whose name says what runs in them, whatever the first stack shows.
var runtimesByProgram = []struct {
	name    *regexp.Regexp
	runtime string
}{
	{regexp.MustCompile(`^(node|nodejs)(\d|$)`), "nodejs"},
	{regexp.MustCompile(`^(python|pypy)[\d.]*$`), "python"},
	{regexp.MustCompile(`^java$`), "java"},
	{regexp.MustCompile(`^ruby[\d.]*$`), "ruby"},
	{regexp.MustCompile(`^php(-fpm|-cgi)?[\d.]*$`), "php"},
	{regexp.MustCompile(`^perl[\d.]*$`), "perl"},
	{regexp.MustCompile(`^dotnet$`), "dotnet"},
	{regexp.MustCompile(`^beam\.smp$`), "beam"},
}

// runtimeOf tells what kind of program a stack was taken from; empty when it shows only the kernel.
func runtimeOf(executable string, frames []sample.Frame) string {
	name := program(executable)
	for _, known := range runtimesByProgram {
		if known.name.MatchString(name) {
			return known.runtime
		}
	}
	runtime := ""
	for _, frame := range frames {
		switch {
		case frame.Kind == sample.Go || frame.Kind.Interpreted():
			return frame.Kind.String()
		case frame.Kind == sample.Native:
			runtime = "native"
		}
	}
	return runtime
}
