package symbolize

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
)

// debugFile looks for the symbols that a distribution packs apart: by build id under the process's own root, then under ours,
// then where the file's debug link says. The file counts only if it has the same build id.
func debugFile(pid int, buildId, debugLink string) (*os.File, *elf.File, error) {
	if len(buildId) < 4 {
		return nil, nil, os.ErrNotExist
	}
	byID := filepath.Join("/usr/lib/debug/.build-id", buildId[:2], buildId[2:]+".debug")
	root := fmt.Sprintf("/proc/%d/root", pid)
	candidates := []string{root + byID, byID}
	if debugLink != "" {
		candidates = append(candidates, root+filepath.Clean("/"+debugLink))
	}
	for _, path := range candidates {
		file, err := os.Open(path)
		if err != nil {
			continue
		}
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			if image, err := openImage(file); err == nil && BuildID(image) == buildId {
				return file, image, nil
			}
		}
		file.Close()
	}
	return nil, nil, os.ErrNotExist
}
