package authtype

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"strings"
)

// maxPEM is the longest text in which a public key is looked for: a certificate
// with all that comes in one fits.
const maxPEM = 16 << 10

// publicKey is a public key and its PKIX DER.
type publicKey struct {
	parsed any
	der    []byte
}

// readPublicKey reads the PEM of a public key, or of a certificate, of which the
// key alone is taken: nothing is asked of the certificate itself. Whatever has a
// private key in it is refused, and not repeated.
func readPublicKey(text string) (publicKey, error) {
	refuse := func(detail string) (publicKey, error) { return publicKey{}, invalid("public_key", detail) }
	if len(text) > maxPEM {
		return refuse("The PEM of a public key has at most 16384 bytes.")
	}
	if strings.Contains(strings.ToUpper(text), "PRIVATE KEY") {
		return refuse("This is a private key, and was not kept: keep it to yourself, think about replacing it, and give the public key.")
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil {
		return refuse("The value is the PEM of a public key, with its BEGIN and END lines.")
	}
	if len(bytes.TrimSpace(rest)) > 0 || !strings.HasPrefix(strings.TrimSpace(text), "-----BEGIN ") {
		return refuse("The value is one PEM and nothing else.")
	}
	if isPrivate(block.Bytes) {
		return refuse("This is a private key under another name, and was not kept: keep it to yourself, think about replacing it, and give the public key.")
	}
	key, err := parsePublicKey(block)
	if err != nil {
		return refuse("The PEM holds no public key that can be read: its type is PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE.")
	}
	return key, nil
}

func parsePublicKey(block *pem.Block) (key publicKey, err error) {
	switch block.Type {
	case "RSA PUBLIC KEY":
		key.parsed, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			key.parsed = certificate.PublicKey
		}
	default:
		key.parsed, err = x509.ParsePKIXPublicKey(block.Bytes)
	}
	if err != nil {
		return publicKey{}, err
	}
	key.der, err = x509.MarshalPKIXPublicKey(key.parsed)
	return key, err
}

func isPrivate(der []byte) bool {
	for _, parse := range []func([]byte) (any, error){
		x509.ParsePKCS8PrivateKey,
		func(der []byte) (any, error) { return x509.ParsePKCS1PrivateKey(der) },
		func(der []byte) (any, error) { return x509.ParseECPrivateKey(der) },
	} {
		if _, err := parse(der); err == nil {
			return true
		}
	}
	return false
}

// pem is the one form in which public keys are kept.
func (k publicKey) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: k.der}))
}

// hint tells two keys apart: the beginning of the SHA-256 of its DER, which is
// as public as the key.
func (k publicKey) hint() string {
	sum := sha256.Sum256(k.der)
	return "sha256:" + hex.EncodeToString(sum[:6])
}
