//go:build linux

package disk

import (
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// attributes are what stat tells of an object besides its size.
type attributes struct {
	mode                uint32 // with the type
	uid, gid            uint32
	read, wrote, change time.Time
}

// object is a file, a folder or a symbolic link; its names are in the trees.
type object struct {
	id     uint64
	target string // of a symbolic link
	live   attributes
	kept   attributes
	data   *content // of a file

	lookups uint64 // how often the kernel was told of it and has not forgotten
}

func (o *object) isFolder() bool { return o.live.mode&syscall.S_IFMT == syscall.S_IFDIR }
func (o *object) isFile() bool   { return o.live.mode&syscall.S_IFMT == syscall.S_IFREG }

func (o *object) keepAttributes() { o.kept = o.live }

// touch notes that the data, or the names in a folder, have changed.
func (o *object) touch() {
	now := time.Now()
	o.live.wrote, o.live.change = now, now
}

func (o *object) size() int64 {
	switch {
	case o.isFile():
		return o.data.live.size
	case o.isFolder():
		return pageBytes
	}
	return int64(len(o.target))
}

// attr fills in what the kernel wants to know.
func (o *object) attr(links int, out *fuse.Attr) {
	size := uint64(o.size()) //nolint:gosec // never negative
	*out = fuse.Attr{
		Ino: o.id, Size: size, Blocks: (size + 511) / 512, Blksize: pageBytes,
		Mode: o.live.mode, Nlink: uint32(links), //nolint:gosec // a few
		Owner: fuse.Owner{Uid: o.live.uid, Gid: o.live.gid},
	}
	out.SetTimes(&o.live.read, &o.live.wrote, &o.live.change)
}
