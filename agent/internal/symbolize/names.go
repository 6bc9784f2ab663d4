package symbolize

import (
	"regexp"
	"strings"

	"github.com/ianlancetaylor/demangle"
)

// maxReadable bounds a name that is shown (as a power of two for the demangler). Templates of templates grow without an end.
const maxReadablePower = 10

// part is what compilers append to a function that they split, copied or renamed. To a reader it is the same function.
var part = regexp.MustCompile(`(\.(isra|part|constprop|lto_priv|llvm)\.\d+|\.cold(\.\d+)?)+$`)

// readable gives a function's name as its author wrote it. Parameters are left out, as in other profilers' flame graphs, because
// they make every name too long for its box; template arguments stay, because they tell functions apart.
func readable(name string) string {
	if strings.Contains(name, ".") {
		name = part.ReplaceAllString(name, "")
	}
	plain, err := demangle.ToString(name, demangle.NoParams, demangle.MaxLength(maxReadablePower))
	if err != nil {
		plain = name
	}
	if len(plain) > 1<<maxReadablePower {
		plain = plain[:1<<maxReadablePower]
	}
	return strings.ToValidUTF8(plain, "\uFFFD")
}
