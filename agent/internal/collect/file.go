package collect

import "io"

// File is an executable file, or the image of one in memory.
type File interface {
	io.ReaderAt
	io.Closer
}
