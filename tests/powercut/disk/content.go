//go:build linux

package disk

import (
	"maps"
	"math/rand/v2"
	"slices"
)

const pageBytes = 4096

type page [pageBytes]byte

// version is the data of a file at one time. A missing page is zeros. The bytes
// behind size in the last page are zeros too.
type version struct {
	size  int64
	pages []*page
}

func (v *version) page(i int64) *page {
	if i < int64(len(v.pages)) {
		return v.pages[i]
	}
	return nil
}

func (v *version) put(i int64, p *page) {
	if grow := int(i) + 1 - len(v.pages); grow > 0 {
		v.pages = append(v.pages, make([]*page, grow)...)
	}
	v.pages[i] = p
}

// resize cuts or lengthens. A page that is cut into is replaced, never changed:
// the other version may hold it too.
func (v *version) resize(size int64) {
	if size < v.size {
		count := (size + pageBytes - 1) / pageBytes
		if count < int64(len(v.pages)) {
			clear(v.pages[count:])
			v.pages = v.pages[:count]
		}
		if rest := size % pageBytes; rest > 0 && v.page(size/pageBytes) != nil {
			short := *v.page(size / pageBytes)
			clear(short[rest:])
			v.put(size/pageBytes, &short)
		}
	}
	v.size = size
}

func (v *version) read(offset int64, into []byte) int {
	n := int(max(0, min(int64(len(into)), v.size-offset)))
	for done := 0; done < n; {
		at := offset + int64(done)
		rest := into[done:min(n, done+int(pageBytes-at%pageBytes))]
		if p := v.page(at / pageBytes); p != nil {
			copy(rest, p[at%pageBytes:])
		} else {
			clear(rest)
		}
		done += len(rest)
	}
	return n
}

// content is the data of a file: as programs see it, and as it was last synced.
// The two share the pages that are not dirty.
type content struct {
	live, kept version
	dirty      map[int64]bool // pages of live that are not those of kept
}

func (c *content) write(offset int64, data []byte) {
	c.live.size = max(c.live.size, offset+int64(len(data)))
	for len(data) > 0 {
		n := copy(c.own(offset / pageBytes)[offset%pageBytes:], data)
		data, offset = data[n:], offset+int64(n)
	}
}

// own gives a page of the live version that the kept one does not share.
func (c *content) own(i int64) *page {
	p := c.live.page(i)
	if p != nil && c.dirty[i] {
		return p
	}
	fresh := &page{}
	if p != nil {
		*fresh = *p
	}
	c.live.put(i, fresh)
	c.soil(i)
	return fresh
}

func (c *content) soil(i int64) {
	if c.dirty == nil {
		c.dirty = map[int64]bool{}
	}
	c.dirty[i] = true
}

func (c *content) truncate(size int64) {
	if size < c.live.size {
		for i := size / pageBytes; i < int64(len(c.live.pages)); i++ {
			c.soil(i)
		}
	}
	c.live.resize(size)
}

// sync keeps what is live.
func (c *content) sync() {
	for i := range c.dirty {
		c.kept.put(i, c.live.page(i))
	}
	c.kept.resize(c.live.size)
	c.dirty = nil
}

// writeBack keeps a random part of what is dirty.
func (c *content) writeBack(random *rand.Rand) {
	if c.live.size < c.kept.size && random.IntN(2) == 0 {
		c.kept.resize(c.live.size)
	}
	for _, i := range slices.Sorted(maps.Keys(c.dirty)) {
		end := min((i+1)*pageBytes, c.live.size)
		if random.IntN(2) == 0 && end > i*pageBytes {
			c.kept.put(i, c.live.page(i))
			c.kept.size = max(c.kept.size, end)
			delete(c.dirty, i)
		}
	}
}

// cut gives the content that is left, and how many pages were lost with the rest.
func (c *content) cut() (*content, int) {
	lost := len(c.dirty)
	if lost == 0 && c.live.size != c.kept.size {
		lost = 1 // a length is lost, if no page is
	}
	left := version{size: c.kept.size, pages: slices.Clone(c.kept.pages)}
	return &content{live: left, kept: c.kept}, lost
}
