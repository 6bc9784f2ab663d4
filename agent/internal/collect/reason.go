package collect

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// MissingError names what the machine refuses and what would help.
type MissingError struct {
	// Reason is short and stable: the value of a metric's label.
	Reason string
	// What is missing and what to do about it, for a person.
	What string
	Err  error
}

func (e *MissingError) Error() string {
	if e.Err == nil {
		return e.What
	}
	return fmt.Sprintf("%s: %v", e.What, e.Err)
}

func (e *MissingError) Unwrap() error { return e.Err }

// Reason turns an error of Start into one word for a metric's label.
func Reason(err error) string {
	var missing *MissingError
	if errors.As(err, &missing) {
		return missing.Reason
	}
	text := err.Error()
	switch {
	case errors.Is(err, syscall.ENOMEM), strings.Contains(text, "cannot allocate memory"):
		return "memory"
	case errors.Is(err, os.ErrPermission), strings.Contains(text, "permission denied"), strings.Contains(text, "operation not permitted"):
		return "permission"
	case errors.Is(err, syscall.ENOSYS), strings.Contains(text, "not supported"), strings.Contains(text, "not implemented"):
		return "unsupported"
	case errors.Is(err, os.ErrNotExist):
		return "not_found"
	}
	return "other"
}
