package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The cost of a hash made here: 19 MiB and two passes (OWASP's second choice of
// argon2id), about 20 ms of one core.
const (
	hashMemory  = 19456 // KiB
	hashPasses  = 2
	hashThreads = 1
	saltBytes   = 16
	keyBytes    = 32
)

// What Check computes at most, whatever a stored hash asks for.
const (
	maxMemory  = 64 << 10 // KiB
	maxPasses  = 8
	maxThreads = 4
	maxField   = 64 // bytes of salt and key
)

// phc is an argon2id hash as the PHC string format writes it:
// $argon2id$v=19$m=19456,t=2,p=1$<salt>$<key>.
type phc struct {
	memory, passes uint32
	threads        uint8
	salt, key      []byte
}

// Hash is the PHC string of an argon2id hash of password under a fresh salt.
// It takes 19 MiB while it runs: callers bound how many run at once.
func Hash(password string) string {
	h := phc{memory: hashMemory, passes: hashPasses, threads: hashThreads, salt: make([]byte, saltBytes), key: make([]byte, keyBytes)}
	_, _ = rand.Read(h.salt) // never fails since Go 1.24
	h.key = h.derive(password)
	return h.String()
}

// Check reports whether password is the one that hash was made of. A hash that
// is malformed, or asks for more work than we allow, matches nothing.
func Check(hash, password string) bool {
	h, ok := parsePHC(hash)
	return ok && subtle.ConstantTimeCompare(h.derive(password), h.key) == 1
}

// Decoy is a hash that no known password matches and that costs Check as much
// as one made by Hash: what an unknown name is checked against.
func Decoy() string {
	h := phc{memory: hashMemory, passes: hashPasses, threads: hashThreads, salt: make([]byte, saltBytes), key: make([]byte, keyBytes)}
	return h.String()
}

func (h phc) derive(password string) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.threads, uint32(len(h.key)))
}

// String is the PHC form.
func (h phc) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.passes, h.threads,
		b64.EncodeToString(h.salt), b64.EncodeToString(h.key))
}

// parsePHC reads only what String writes, within the bounds.
func parsePHC(text string) (phc, bool) {
	parts := strings.Split(text, "$")
	if len(text) > 512 || len(parts) != 6 {
		return phc{}, false
	}
	var h phc
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.threads); err != nil {
		return phc{}, false
	}
	var errSalt, errKey error
	h.salt, errSalt = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	h.key, errKey = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	return h, errSalt == nil && errKey == nil && h.bounded() && h.String() == text
}

func (h phc) bounded() bool {
	return h.memory >= 8 && h.memory <= maxMemory && h.passes >= 1 && h.passes <= maxPasses &&
		h.threads >= 1 && h.threads <= maxThreads &&
		len(h.salt) >= 8 && len(h.salt) <= maxField && len(h.key) >= 16 && len(h.key) <= maxField
}
