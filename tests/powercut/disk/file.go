//go:build linux

package disk

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// dataOnly is the flag of FSYNC that says fdatasync.
const dataOnly = 1

// Create makes a file and opens it.
func (v *volume) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	folder, code := v.find(in.NodeId)
	defer v.mu.Unlock()
	if code != fuse.OK {
		return code
	}
	if v.names.live.at(place{folder, name}) != nil {
		return fuse.Status(syscall.EEXIST)
	}
	v.name(place{folder, name}, v.make(in.Owner, syscall.S_IFREG|in.Mode&^syscall.S_IFMT), &out.EntryOut)
	return fuse.OK
}

// Mknod makes a file; devices and sockets are not made here.
func (v *volume) Mknod(_ <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	folder, code := v.find(in.NodeId)
	defer v.mu.Unlock()
	switch {
	case code != fuse.OK:
		return code
	case in.Mode&syscall.S_IFMT != syscall.S_IFREG:
		return fuse.EPERM
	case v.names.live.at(place{folder, name}) != nil:
		return fuse.Status(syscall.EEXIST)
	}
	v.name(place{folder, name}, v.make(in.Owner, in.Mode), out)
	return fuse.OK
}

// Open opens a file; the kernel keeps what it has read of it.
func (v *volume) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	o, code := v.find(in.NodeId)
	defer v.mu.Unlock()
	if code == fuse.OK && in.Flags&syscall.O_TRUNC != 0 && o.isFile() {
		o.data.truncate(0)
		o.touch()
	}
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	return code
}

// Read reads a file as it is now.
func (v *volume) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	o, code := v.find(in.NodeId)
	defer v.mu.Unlock()
	switch {
	case code != fuse.OK:
		return nil, code
	case !o.isFile():
		return nil, fuse.EINVAL
	}
	n := o.data.live.read(int64(in.Offset), buf) //nolint:gosec // the kernel's offsets are positive
	return fuse.ReadResultData(buf[:n]), fuse.OK
}

// Write writes to the live version, and keeps it where the file was opened so.
func (v *volume) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	o, code := v.find(in.NodeId)
	defer v.mu.Unlock()
	switch {
	case code != fuse.OK:
		return 0, code
	case !o.isFile():
		return 0, fuse.EINVAL
	}
	o.data.write(int64(in.Offset), data) //nolint:gosec // see Read
	o.touch()
	switch { // newer kernels ask for a sync by themselves
	case in.Flags&syscall.O_SYNC == syscall.O_SYNC:
		v.sync(o, false)
	case in.Flags&syscall.O_DSYNC != 0: // a bit of O_SYNC
		v.sync(o, true)
	}
	return uint32(len(data)), fuse.OK //nolint:gosec // at most a megabyte
}

// Fsync is fsync and fdatasync.
func (v *volume) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	o, code := v.find(in.NodeId)
	defer v.mu.Unlock()
	if code == fuse.OK {
		v.sync(o, in.FsyncFlags&dataOnly != 0)
	}
	return code
}

// sync keeps a file's data, and its names where they matter. That a file has no
// name any more is the matter of the folder it was in.
func (v *volume) sync(o *object, dataOnly bool) {
	if o.isFile() {
		o.data.sync()
	}
	named, known := len(v.names.live.places[o]) > 0, len(v.names.kept.places[o]) > 0
	if named && (!dataOnly || !known) {
		v.names.settle(o)
	}
}

// Flush is the close of a descriptor: it keeps nothing.
func (v *volume) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.OK }

// Access is left to the kernel.
func (v *volume) Access(<-chan struct{}, *fuse.AccessIn) fuse.Status { return fuse.ENOSYS }

// Link gives a file one more name.
func (v *volume) Link(_ <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	folder, code := v.find(in.NodeId)
	defer v.mu.Unlock()
	if code != fuse.OK {
		return code
	}
	o := v.objects[in.Oldnodeid]
	switch {
	case o == nil:
		return fuse.ENOENT
	case v.names.live.at(place{folder, name}) != nil:
		return fuse.Status(syscall.EEXIST)
	}
	v.name(place{folder, name}, o, out)
	return fuse.OK
}

// Symlink makes a symbolic link.
func (v *volume) Symlink(_ <-chan struct{}, h *fuse.InHeader, target, name string, out *fuse.EntryOut) fuse.Status {
	folder, code := v.find(h.NodeId)
	defer v.mu.Unlock()
	switch {
	case code != fuse.OK:
		return code
	case v.names.live.at(place{folder, name}) != nil:
		return fuse.Status(syscall.EEXIST)
	}
	o := v.make(h.Owner, syscall.S_IFLNK|0o777)
	o.target = target
	v.name(place{folder, name}, o, out)
	return fuse.OK
}

// Readlink reads a symbolic link.
func (v *volume) Readlink(_ <-chan struct{}, h *fuse.InHeader) ([]byte, fuse.Status) {
	o, code := v.find(h.NodeId)
	defer v.mu.Unlock()
	if code != fuse.OK {
		return nil, code
	}
	return []byte(o.target), fuse.OK
}
