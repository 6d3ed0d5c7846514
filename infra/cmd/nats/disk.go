package main

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
)

// maxStore is how much of the disk the streams may take: three quarters of what
// is free or theirs already. The server stops JetStream for good when the disk
// is full, so it must refuse before.
func maxStore(dir string) (int64, error) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return 0, fmt.Errorf("asking for the room on the disk of %s: %w", dir, err)
	}
	free := int64(disk.Bavail) * int64(disk.Bsize) //nolint:gosec,unconvert // the types differ between systems
	var ours int64
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		ours += info.Size()
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("measuring the streams in %s: %w", dir, err)
	}
	return (free + ours) / 4 * 3, nil
}
