package projection

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/gateway/internal/material"
)

// vault opens sealed proofs and brings them into force. One goroutine at a time
// uses it; readers use its index and proofs.
type vault struct {
	ring    *secret.Ring
	log     *slog.Logger
	digests *material.Index
	proofs  *material.Proofs
	apart   map[material.Key]string  // material keys of proofs
	waiting map[material.Key]waiting // sealed with keys that the ring does not have yet
	// missing, while the stream is read anew, is what has not come again.
	missing map[material.Key]struct{}
	sum     material.Key // xor over what is held
}

type waiting struct {
	key    string
	sealed []byte
}

func newVault(ring *secret.Ring, log *slog.Logger) *vault {
	return &vault{
		ring: ring, log: log, digests: material.NewIndex(), proofs: material.NewProofs(),
		apart: map[material.Key]string{}, waiting: map[material.Key]waiting{},
	}
}

// splitKey cuts "<credential id>.<version>".
func splitKey(key string) (credential string, version int, ok bool) {
	dot := strings.LastIndexByte(key, '.')
	if dot <= 0 {
		return "", 0, false
	}
	version, err := strconv.Atoi(key[dot+1:])
	return key[:dot], version, err == nil && version > 0
}

func joinKey(credential string, version int) string {
	return credential + "." + strconv.Itoa(version)
}

// put brings sealed material into force. What cannot be opened is no reason to
// stop: its credential is refused until it can be. A key that is put again, such
// as under another pepper, is in force without a moment in between.
func (v *vault) put(key string, sealed []byte) {
	k := material.KeyOf(key)
	delete(v.missing, k)
	credential, version, ok := splitKey(key)
	if !ok {
		v.take(k)
		v.log.Warn("material of an unknown form is ignored", "key", key)
		return
	}
	held := v.holds(k)
	proof, err := v.ring.OpenProof(key, sealed)
	switch {
	case err != nil:
		v.drop(k)
		v.waiting[k] = waiting{key: strings.Clone(key), sealed: append([]byte(nil), sealed...)}
	case proof.Kind == secret.ProofDigest:
		if !v.digests.Put(k, credential, version, [sha256.Size]byte(proof.Digest)) {
			v.take(k)
			v.log.Warn("material of a credential with an id that cannot be is ignored", "key", key)
			return
		}
		v.dropProof(k)
		delete(v.waiting, k)
	default:
		v.apart[k] = strings.Clone(key)
		v.proofs.Put(strings.Clone(credential), proofOf(version, proof))
		v.digests.Remove(k)
		delete(v.waiting, k)
	}
	if !held {
		v.toggle(k)
	}
}

func (v *vault) holds(k material.Key) bool {
	_, apart := v.apart[k]
	_, sealed := v.waiting[k]
	return apart || sealed || v.digests.Has(k)
}

// proofOf answers a proof in the form in which it is used. A public key that
// cannot be read verifies nothing.
func proofOf(version int, p secret.Proof) material.Proof {
	made := material.Proof{Version: version}
	switch p.Kind {
	case secret.ProofShared:
		made.Key = p.Key
	case secret.ProofPublic:
		made.Public, _ = x509.ParsePKIXPublicKey(p.Key)
	default:
		made.Hash = p.PHC
	}
	return made
}

// remove takes material out of force and says whether there was any.
func (v *vault) remove(key string) bool { return v.take(material.KeyOf(key)) }

func (v *vault) take(k material.Key) bool {
	delete(v.missing, k)
	if !v.holds(k) {
		return false
	}
	v.drop(k)
	v.toggle(k)
	return true
}

// drop takes a key out of force in whatever form it is.
func (v *vault) drop(k material.Key) {
	v.digests.Remove(k)
	v.dropProof(k)
	delete(v.waiting, k)
}

func (v *vault) dropProof(k material.Key) {
	if key, apart := v.apart[k]; apart {
		credential, version, _ := splitKey(key)
		v.proofs.Remove(credential, version)
		delete(v.apart, k)
	}
}

func (v *vault) toggle(k material.Key) {
	for i := range v.sum {
		v.sum[i] ^= k[i]
	}
}

// reread begins a reading of everything; complete takes out what did not come
// again, and says whether that was anything.
func (v *vault) reread() {
	v.missing = make(map[material.Key]struct{}, v.len())
	for k := range v.digests.Keys() {
		v.missing[k] = struct{}{}
	}
	for k := range v.apart {
		v.missing[k] = struct{}{}
	}
	for k := range v.waiting {
		v.missing[k] = struct{}{}
	}
}

func (v *vault) rereading() bool { return v.missing != nil }

func (v *vault) complete() (removed bool) {
	for k := range v.missing {
		removed = v.take(k) || removed
	}
	v.missing = nil
	return removed
}

func (v *vault) len() int { return v.digests.Len() + len(v.apart) + len(v.waiting) }

// hash is equal for equal sets of material.
func (v *vault) hash() string { return hex.EncodeToString(v.sum[:]) }

// retry opens what waits for a key of the ring.
func (v *vault) retry() {
	for _, w := range v.waiting {
		if _, err := v.ring.OpenProof(w.key, w.sealed); err == nil {
			v.put(w.key, w.sealed)
		}
	}
}

// fault says what waits, for people.
func (v *vault) fault() error {
	if len(v.waiting) == 0 {
		return nil
	}
	return fmt.Errorf("%d secrets cannot be opened with the key ring that this gateway has", len(v.waiting))
}
