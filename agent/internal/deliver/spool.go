package deliver

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// The spool is a directory with one file for each upload that waits, written under another name first and renamed when whole. The
// name says the order and the samples, so that a file counts even when its content is lost. Nothing is synced to disk: the files
// are there for a process that is killed, and a machine that loses power has lost the seconds before in any case.

var spoolName = regexp.MustCompile(`^(\d{20})-(\d{1,19})\.profile$`)

const spoolHalfWritten = ".half"

type spool struct {
	dir  string
	lock *os.File
	log  *slog.Logger
}

type spooledFile struct {
	name    string
	seq     uint64
	samples int64
	size    int64
	written time.Time
}

// openSpool makes the directory its own and lists what an earlier process left there, oldest first.
func openSpool(dir string, log *slog.Logger) (*spool, []spooledFile, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("the spool directory %s cannot be made: %w; name another with --spool-dir, or none", dir, err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("the spool directory %s cannot be written: %w; name another with --spool-dir, or none", dir, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, nil, fmt.Errorf("the spool directory %s is in use by another agent: give each its own --spool-dir", dir)
		}
		return nil, nil, fmt.Errorf("the spool directory %s cannot be locked: %w", dir, err)
	}
	s := &spool{dir: dir, lock: lock, log: log}
	files, err := s.list()
	if err != nil {
		s.close()
		return nil, nil, err
	}
	return s, files, nil
}

func (s *spool) list() ([]spooledFile, error) {
	names, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("the spool directory %s cannot be read: %w", s.dir, err)
	}
	var files []spooledFile
	for _, item := range names {
		if filepath.Ext(item.Name()) == spoolHalfWritten {
			// Cut off by the end of the process that wrote it: never counted as spooled, and so not missing.
			s.remove([]string{item.Name()})
			continue
		}
		match := spoolName.FindStringSubmatch(item.Name())
		if match == nil {
			continue
		}
		seq, seqErr := strconv.ParseUint(match[1], 10, 64)
		samples, samplesErr := strconv.ParseInt(match[2], 10, 64)
		info, err := item.Info()
		if seqErr != nil || samplesErr != nil || err != nil || !info.Mode().IsRegular() {
			continue
		}
		files = append(files, spooledFile{item.Name(), seq, samples, info.Size(), info.ModTime()})
	}
	slices.SortFunc(files, func(a, b spooledFile) int {
		if a.seq < b.seq {
			return -1
		}
		return 1
	})
	return files, nil
}

// write puts an upload into a file of its own and gives the file's name and size.
func (s *spool) write(seq uint64, upload *Upload) (string, int64, error) {
	bytes, err := encodeSpooled(upload)
	if err != nil {
		return "", 0, err
	}
	name := fmt.Sprintf("%020d-%d.profile", seq, upload.Samples)
	half := filepath.Join(s.dir, name+spoolHalfWritten)
	if err := os.WriteFile(half, bytes, 0o600); err != nil {
		_ = os.Remove(half)
		return "", 0, err
	}
	if err := os.Rename(half, filepath.Join(s.dir, name)); err != nil {
		_ = os.Remove(half)
		return "", 0, err
	}
	return name, int64(len(bytes)), nil
}

// read gives an upload back. The error says what is wrong with the file.
func (s *spool) read(name string) (*Upload, error) {
	bytes, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		return nil, err
	}
	return decodeSpooled(bytes)
}

func (s *spool) remove(names []string) {
	for _, name := range names {
		if err := os.Remove(filepath.Join(s.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("a file of the spool cannot be removed and will be sent again", "file", name, "err", err)
		}
	}
}

func (s *spool) close() {
	_ = s.lock.Close() // which also gives up the lock
}
