package secret

import (
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// Hashes by bcrypt are imported, never made: $2b$<cost>$<22 of salt><31 of hash>.
// $2a$ and $2y$ are the same algorithm; $2x$ is one with a known fault. bcrypt
// looks at no more than the first 72 bytes of a password.
const (
	bcryptSize     = 60
	bcryptAlphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	// minBcrypt is the least that bcrypt knows; more than maxBcrypt (a second and
	// more of one core) would let wrong passwords take the process down.
	minBcrypt = 4
	maxBcrypt = 14
)

// isBcrypt says whether a hash claims to be one of bcrypt.
func isBcrypt(hash string) bool { return strings.HasPrefix(hash, "$2") }

// checkBcrypt refuses hashes that are none or too dear to verify. Errors wrap
// ErrHash.
func checkBcrypt(hash string) error {
	version := hash[:min(len(hash), 4)]
	if version != "$2a$" && version != "$2b$" && version != "$2y$" {
		return fmt.Errorf("%w: bcrypt must be of version 2a, 2b or 2y", ErrHash)
	}
	if len(hash) != bcryptSize || hash[6] != '$' || strings.Trim(hash[7:], bcryptAlphabet) != "" {
		return fmt.Errorf("%w: not a bcrypt hash", ErrHash)
	}
	if cost, err := bcrypt.Cost([]byte(hash)); err != nil || cost < minBcrypt || cost > maxBcrypt {
		return fmt.Errorf("%w: the cost of bcrypt must be %d to %d", ErrHash, minBcrypt, maxBcrypt)
	}
	return nil
}

func verifyBcrypt(hash, plain string) bool {
	return bcrypt.CompareHashAndPassword([]byte(hash), []byte(plain)) == nil
}
