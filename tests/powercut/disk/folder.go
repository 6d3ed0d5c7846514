//go:build linux

package disk

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// Mkdir makes a folder.
func (v *volume) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	folder, code := v.find(in.NodeId)
	defer v.mu.Unlock()
	switch {
	case code != fuse.OK:
		return code
	case v.names.live.at(place{folder, name}) != nil:
		return fuse.Status(syscall.EEXIST)
	}
	v.name(place{folder, name}, v.make(in.Owner, syscall.S_IFDIR|in.Mode&^syscall.S_IFMT), out)
	return fuse.OK
}

// Unlink takes a name from a file.
func (v *volume) Unlink(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return v.remove(h, name, func(o *object) fuse.Status {
		if o.isFolder() {
			return fuse.Status(syscall.EISDIR)
		}
		return fuse.OK
	})
}

// Rmdir removes an empty folder.
func (v *volume) Rmdir(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return v.remove(h, name, func(o *object) fuse.Status {
		switch {
		case !o.isFolder():
			return fuse.ENOTDIR
		case len(v.names.live.entries[o]) > 0:
			return fuse.Status(syscall.ENOTEMPTY)
		}
		return fuse.OK
	})
}

func (v *volume) remove(h *fuse.InHeader, name string, allowed func(*object) fuse.Status) fuse.Status {
	folder, code := v.find(h.NodeId)
	defer v.mu.Unlock()
	if code != fuse.OK {
		return code
	}
	p := place{folder, name}
	o := v.names.live.at(p)
	if o == nil {
		return fuse.ENOENT
	}
	if code := allowed(o); code != fuse.OK {
		return code
	}
	v.names.live.remove(p)
	folder.touch()
	v.drop(o)
	return fuse.OK
}

// renameNoReplace is the one flag of renameat2 that is known here.
const renameNoReplace = 1

// Rename moves a name; what was at the new one has it no more.
func (v *volume) Rename(_ <-chan struct{}, in *fuse.RenameIn, oldName, newName string) fuse.Status {
	folder, code := v.find(in.NodeId)
	defer v.mu.Unlock()
	if code != fuse.OK {
		return code
	}
	from, to := place{folder, oldName}, place{v.objects[in.Newdir], newName}
	o, there := v.names.live.at(from), v.names.live.at(to)
	switch {
	case o == nil || to.folder == nil:
		return fuse.ENOENT
	case in.Flags&^renameNoReplace != 0:
		return fuse.EINVAL
	case there != nil && in.Flags&renameNoReplace != 0:
		return fuse.Status(syscall.EEXIST)
	case o == there:
		return fuse.OK
	case there != nil && there.isFolder() && len(v.names.live.entries[there]) > 0:
		return fuse.Status(syscall.ENOTEMPTY)
	}
	v.names.live.remove(from)
	folder.touch()
	v.rename(to, o)
	return fuse.OK
}

// OpenDir lists a folder as it is now: reading goes on where it was although
// names come and go.
func (v *volume) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	folder, code := v.find(in.NodeId)
	defer v.mu.Unlock()
	if code != fuse.OK {
		return code
	}
	list := []fuse.DirEntry{
		{Name: ".", Mode: syscall.S_IFDIR, Ino: folder.id},
		{Name: "..", Mode: syscall.S_IFDIR},
	}
	for _, name := range v.names.live.in(folder) {
		o := v.names.live.at(place{folder, name})
		list = append(list, fuse.DirEntry{Name: name, Mode: o.live.mode, Ino: o.id})
	}
	v.lastID++
	out.Fh = v.lastID
	v.listings[out.Fh] = list
	return fuse.OK
}

// ReadDir goes on with a listing.
func (v *volume) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	_, code := v.find(in.NodeId)
	defer v.mu.Unlock()
	list := v.listings[in.Fh]
	for i := int(in.Offset); code == fuse.OK && i < len(list); i++ { //nolint:gosec // ours, and small
		list[i].Off = uint64(i) + 1
		if !out.AddDirEntry(list[i]) {
			break
		}
	}
	return code
}

// ReleaseDir forgets a listing.
func (v *volume) ReleaseDir(in *fuse.ReleaseIn) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.listings, in.Fh)
}

// FsyncDir keeps the names in a folder.
func (v *volume) FsyncDir(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	folder, code := v.find(in.NodeId)
	defer v.mu.Unlock()
	if code == fuse.OK {
		v.names.settle(folder)
		v.names.settleIn(folder)
	}
	return code
}
