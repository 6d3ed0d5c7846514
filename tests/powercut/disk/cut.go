//go:build linux

package disk

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// Loss is what a cut has taken away.
type Loss struct {
	Pages int // of 4 KiB that were written or cut off, and not synced
	Files int // that had such pages
	Names int // of files and folders that came, went or moved
}

func (l Loss) String() string {
	return fmt.Sprintf("%d pages of %d files, and the names of %d", l.Pages, l.Files, l.Names)
}

// all lists every object that is in either state, by id.
func (v *volume) all() []*object {
	known := map[*object]bool{v.names.root: true}
	for _, t := range []tree{v.names.live, v.names.kept} {
		for o := range t.places {
			known[o] = true
		}
	}
	return slices.SortedFunc(maps.Keys(known), func(a, b *object) int { return int(a.id) - int(b.id) })
}

// settleAll keeps everything.
func (v *volume) settleAll() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, o := range v.all() {
		if o.isFile() {
			o.data.sync()
		}
		v.names.settle(o)
	}
}

// writeBack keeps a random part of everything, in a random order.
func (v *volume) writeBack(seed uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	random := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // to be repeated, not to be secret
	all := v.all()
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, o := range all {
		if o.isFile() {
			o.data.writeBack(random)
		}
		if random.IntN(2) == 0 {
			v.names.settle(o)
		}
	}
}

// cut gives the volume that is there when the power comes back, and ends this one.
func (v *volume) cut() (*volume, Loss) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.off = true
	var loss Loss
	for _, o := range v.all() {
		if !v.names.settled(o) {
			loss.Names++
		}
		if !o.isFile() {
			continue
		}
		if _, pages := o.data.cut(); pages > 0 {
			loss.Pages, loss.Files = loss.Pages+pages, loss.Files+1
		}
	}
	left := newVolume()
	left.lastID = v.lastID
	left.take(v.names.root, left.names.root, v.names.kept, map[*object]*object{})
	return left, loss
}

// take makes the kept contents of a folder of the volume before those of our own.
func (v *volume) take(from, to *object, kept tree, taken map[*object]*object) {
	to.live, to.kept = from.kept, from.kept
	for _, name := range kept.in(from) {
		old := kept.at(place{from, name})
		fresh := taken[old]
		if fresh == nil {
			fresh = &object{id: old.id, target: old.target, live: old.kept, kept: old.kept}
			if old.isFile() {
				fresh.data, _ = old.data.cut()
			}
			taken[old] = fresh
			v.objects[fresh.id] = fresh
		}
		v.names.live.put(place{to, name}, fresh)
		v.names.kept.put(place{to, name}, fresh)
		if old.isFolder() {
			v.take(old, fresh, kept, taken)
		}
	}
}

var _ fuse.RawFileSystem = (*volume)(nil)
