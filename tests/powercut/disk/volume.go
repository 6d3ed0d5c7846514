//go:build linux

package disk

import (
	"math"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// validity is how long the kernel may remember what it was told: for ever,
// since nothing changes but through it.
const validity = 3600 // seconds

// volume is what is on the disk between two cuts, as the kernel sees it. After
// the cut it answers nothing but errors.
type volume struct {
	fuse.RawFileSystem // answers that what is not below is not there

	mu       sync.Mutex
	off      bool // its power was cut
	names    names
	objects  map[uint64]*object // those that the kernel may speak of, by id
	listings map[uint64][]fuse.DirEntry
	lastID   uint64 // of objects and listings
}

// newVolume is an empty one.
func newVolume() *volume {
	now := time.Now()
	root := &object{id: fuse.FUSE_ROOT_ID, lookups: 1,
		live: attributes{mode: syscall.S_IFDIR | 0o755, read: now, wrote: now, change: now}}
	root.keepAttributes()
	return &volume{
		RawFileSystem: fuse.NewDefaultRawFileSystem(),
		names:         names{root: root, live: newTree(), kept: newTree()},
		objects:       map[uint64]*object{root.id: root},
		listings:      map[uint64][]fuse.DirEntry{},
		lastID:        fuse.FUSE_ROOT_ID,
	}
}

// String is what go-fuse calls it in its messages.
func (v *volume) String() string { return "powercut" }

// find locks the volume and gives an object; unlock must be called also when
// there is none.
func (v *volume) find(id uint64) (o *object, code fuse.Status) {
	v.mu.Lock()
	o = v.objects[id]
	switch {
	case v.off:
		return nil, fuse.EIO
	case o == nil:
		return nil, fuse.Status(syscall.ESTALE)
	}
	return o, fuse.OK
}

// make gives a new object that has no name yet. The volume must be locked.
func (v *volume) make(by fuse.Owner, mode uint32) *object {
	now := time.Now()
	v.lastID++
	o := &object{id: v.lastID,
		live: attributes{mode: mode, uid: by.Uid, gid: by.Gid, read: now, wrote: now, change: now}}
	if o.isFile() {
		o.data = &content{}
	}
	o.keepAttributes()
	v.objects[o.id] = o
	return o
}

// name puts o into a folder and tells the kernel of it. What was there before
// is gone from there.
func (v *volume) name(p place, o *object, out *fuse.EntryOut) {
	v.rename(p, o)
	v.tell(o, out)
}

func (v *volume) rename(p place, o *object) {
	if displaced := v.names.live.put(p, o); displaced != nil {
		v.drop(displaced)
	}
	p.folder.touch()
	o.live.change = time.Now()
}

// tell gives the kernel an object, for which it will say when it forgets it.
func (v *volume) tell(o *object, out *fuse.EntryOut) {
	o.lookups++
	out.NodeId, out.Generation, out.EntryValid, out.AttrValid = o.id, 1, validity, validity
	o.attr(v.links(o), &out.Attr)
}

func (v *volume) links(o *object) int {
	n := len(v.names.live.places[o])
	if o.isFolder() {
		n++ // its own "."
	}
	return n
}

// drop forgets an object that has no name and that the kernel has forgotten.
func (v *volume) drop(o *object) {
	if o.lookups == 0 && len(v.names.live.places[o]) == 0 {
		delete(v.objects, o.id)
	}
}

// Lookup finds a name in a folder.
func (v *volume) Lookup(_ <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	folder, code := v.find(h.NodeId)
	defer v.mu.Unlock()
	if code != fuse.OK {
		return code
	}
	o := v.names.live.at(place{folder, name})
	if o == nil {
		return fuse.ENOENT
	}
	v.tell(o, out)
	return fuse.OK
}

// Forget takes back what the kernel was told.
func (v *volume) Forget(id, lookups uint64) {
	o, code := v.find(id)
	defer v.mu.Unlock()
	if code == fuse.OK {
		o.lookups -= min(o.lookups, lookups)
		v.drop(o)
	}
}

// GetAttr is stat.
func (v *volume) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	o, code := v.find(in.NodeId)
	defer v.mu.Unlock()
	if code != fuse.OK {
		return code
	}
	out.AttrValid = validity
	o.attr(v.links(o), &out.Attr)
	return fuse.OK
}

// SetAttr is chmod, chown, utimes and truncate.
func (v *volume) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	o, code := v.find(in.NodeId)
	defer v.mu.Unlock()
	if code != fuse.OK {
		return code
	}
	if size, ok := in.GetSize(); ok {
		if !o.isFile() || size > math.MaxInt64 {
			return fuse.EINVAL
		}
		o.data.truncate(int64(size))
		o.touch()
	}
	if mode, ok := in.GetMode(); ok {
		o.live.mode = o.live.mode&syscall.S_IFMT | mode
	}
	if uid, ok := in.GetUID(); ok {
		o.live.uid = uid
	}
	if gid, ok := in.GetGID(); ok {
		o.live.gid = gid
	}
	if at, ok := in.GetATime(); ok {
		o.live.read = at
	}
	if at, ok := in.GetMTime(); ok {
		o.live.wrote = at
	}
	o.live.change = time.Now()
	out.AttrValid = validity
	o.attr(v.links(o), &out.Attr)
	return fuse.OK
}

// StatFs says that there is room.
func (v *volume) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	const blocks = 64 << 30 / pageBytes
	*out = fuse.StatfsOut{Blocks: blocks, Bfree: blocks, Bavail: blocks, Files: 1 << 20, Ffree: 1 << 20,
		Bsize: pageBytes, Frsize: pageBytes, NameLen: 255}
	return fuse.OK
}
