package secret

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// cost is what an argon2id hash takes to compute.
type cost struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
}

// current is what new hashes cost: 19 MiB, two passes, one lane (OWASP password
// storage cheat sheet); some 20 ms of one core.
var current = cost{memory: 19 << 10, time: 2, threads: 1}

// slots bounds how many hashes are computed at once in this process, so that
// wrong passwords can take neither all its memory nor more cores than it has.
var slots = make(chan struct{}, runtime.GOMAXPROCS(0))

const (
	saltSize = 16
	hashSize = 32
)

// HashPassword answers the argon2id hash of a chosen password as a PHC string.
func HashPassword(plain string) string {
	salt := random(saltSize)
	slots <- struct{}{}
	defer func() { <-slots }()
	return phc{cost: current, salt: salt, hash: current.hash(plain, salt, hashSize)}.String()
}

// VerifyPassword says whether a password is the one that was hashed, by argon2id
// or bcrypt: the hash says which. It honours the parameters in the hash, so that
// imported and older ones go on working. It waits for its turn as long as that
// takes.
func VerifyPassword(hashed, plain string) bool {
	ok, err := VerifyPasswordContext(context.Background(), hashed, plain)
	return ok && err == nil
}

// VerifyPasswordContext is VerifyPassword that gives up its turn when ctx ends.
// Errors are ctx's, or wrap ErrHash.
func VerifyPasswordContext(ctx context.Context, hashed, plain string) (bool, error) {
	verify, err := verifier(hashed)
	if err != nil {
		return false, err
	}
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-slots }()
	return verify(plain), nil
}

// verifier answers what computes the hash of a password and compares it.
func verifier(hashed string) (func(plain string) bool, error) {
	if isBcrypt(hashed) {
		return func(plain string) bool { return verifyBcrypt(hashed, plain) }, checkBcrypt(hashed)
	}
	p, err := parsePHC(hashed)
	return func(plain string) bool {
		given := p.cost.hash(plain, p.salt, len(p.hash))
		return subtle.ConstantTimeCompare(given, p.hash) == 1
	}, err
}

func (c cost) hash(plain string, salt []byte, size int) []byte {
	return argon2.IDKey([]byte(plain), salt, c.time, c.memory, c.threads, uint32(size))
}

// bounded refuses hashes that would be no protection, or that would bring the
// process down when they are verified.
func (c cost) bounded() bool {
	return c.time >= 1 && c.time <= 16 &&
		c.threads >= 1 && c.threads <= 16 &&
		c.memory >= 8*uint32(c.threads) && c.memory <= 256<<10
}

// phc is a hash with all that verifying it needs, in the PHC string format:
// $argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>, base64 without padding.
type phc struct {
	cost cost
	salt []byte
	hash []byte
}

func (p phc) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.cost.memory, p.cost.time, p.cost.threads,
		base64.RawStdEncoding.EncodeToString(p.salt), base64.RawStdEncoding.EncodeToString(p.hash))
}

func parsePHC(s string) (phc, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return phc{}, fmt.Errorf("%w: not an argon2id PHC string", ErrHash)
	}
	if parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return phc{}, fmt.Errorf("%w: not argon2 version %d", ErrHash, argon2.Version)
	}
	var p phc
	params := strings.Split(parts[3], ",")
	if len(params) != 3 {
		return phc{}, fmt.Errorf("%w: parameters", ErrHash)
	}
	memory, err1 := param(params[0], "m=", 32)
	time, err2 := param(params[1], "t=", 32)
	threads, err3 := param(params[2], "p=", 8)
	p.cost = cost{memory: uint32(memory), time: uint32(time), threads: uint8(threads)}
	if err1 != nil || err2 != nil || err3 != nil || !p.cost.bounded() {
		return phc{}, fmt.Errorf("%w: parameters", ErrHash)
	}
	strict := base64.RawStdEncoding.Strict()
	if p.salt, err1 = strict.DecodeString(parts[4]); err1 != nil || len(p.salt) < 8 || len(p.salt) > 64 {
		return phc{}, fmt.Errorf("%w: salt", ErrHash)
	}
	if p.hash, err1 = strict.DecodeString(parts[5]); err1 != nil || len(p.hash) < 16 || len(p.hash) > 64 {
		return phc{}, fmt.Errorf("%w: hash", ErrHash)
	}
	return p, nil
}

func param(s, name string, bits int) (uint64, error) {
	digits, ok := strings.CutPrefix(s, name)
	if !ok {
		return 0, ErrHash
	}
	return strconv.ParseUint(digits, 10, bits)
}
