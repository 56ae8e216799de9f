package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"errors"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/credential/internal/signing"
)

// Metadata describes the server to clients (RFC 8414).
type Metadata struct {
	Issuer                string   `json:"issuer" example:"https://api.example.com"`
	TokenEndpoint         string   `json:"token_endpoint"`
	IntrospectionEndpoint string   `json:"introspection_endpoint"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	JWKSURI               string   `json:"jwks_uri"`
	ResponseTypes         []string `json:"response_types_supported" doc:"None: nobody is redirected."`
	GrantTypes            []string `json:"grant_types_supported"`
	TokenAuth             []string `json:"token_endpoint_auth_methods_supported"`
	IntrospectionAuth     []string `json:"introspection_endpoint_auth_methods_supported"`
	RevocationAuth        []string `json:"revocation_endpoint_auth_methods_supported"`
}

func metadataOf(issuer string) Metadata {
	methods := []string{"client_secret_basic", "client_secret_post"}
	return Metadata{
		Issuer: issuer, TokenEndpoint: issuer + TokenPath, IntrospectionEndpoint: issuer + IntrospectPath,
		RevocationEndpoint: issuer + RevokePath, JWKSURI: issuer + KeysPath, ResponseTypes: []string{},
		GrantTypes: []string{"client_credentials", "refresh_token"}, TokenAuth: methods, IntrospectionAuth: methods, RevocationAuth: methods,
	}
}

// metadata is GET /.well-known/oauth-authorization-server.
func (o *Server) metadata(_ context.Context, in *httpapi.RawRequest) *httpapi.RawResponse {
	answer := &httpapi.RawResponse{Status: 200, Header: map[string]string{}, Body: metadataOf(o.issuer(in))}
	if o.URL != "" { // else it depends on who asks
		answer.Header["Cache-Control"] = "public, max-age=300"
	}
	return answer
}

// KeySet is a JSON Web Key Set (RFC 7517).
type KeySet struct {
	Keys []PublicKey `json:"keys"`
}

// PublicKey is a key that verifies access tokens.
type PublicKey struct {
	KeyType   string `json:"kty" example:"EC"`
	Use       string `json:"use" example:"sig"`
	Algorithm string `json:"alg" example:"ES256"`
	KeyID     string `json:"kid"`
	Curve     string `json:"crv" example:"P-256"`
	X         string `json:"x"`
	Y         string `json:"y"`
}

// jwks is GET /.well-known/jwks.json: the keys that sign, did, and will. One is
// there long before it signs, so that whoever keeps the answer for its max-age
// knows it by then.
func (o *Server) jwks(ctx context.Context, _ *httpapi.RawRequest) (*httpapi.RawResponse, error) {
	set, err := o.Keys.Set(ctx)
	if err != nil {
		return nil, err
	}
	public := KeySet{Keys: []PublicKey{}}
	for _, key := range set.Keys {
		if !signing.Over(key, o.Clock()) {
			public.Keys = append(public.Keys, PublicKey{
				KeyType: key.JWK.Kty, Use: "sig", Algorithm: "ES256", KeyID: key.KID, Curve: key.JWK.Crv, X: key.JWK.X, Y: key.JWK.Y,
			})
		}
	}
	return &httpapi.RawResponse{
		Status: 200, Media: "application/jwk-set+json", Header: map[string]string{"Cache-Control": "public, max-age=300"}, Body: public,
	}, nil
}

func publicKey(k credential.JWK) (*ecdsa.PublicKey, error) {
	x, errX := base64.RawURLEncoding.DecodeString(k.X)
	y, errY := base64.RawURLEncoding.DecodeString(k.Y)
	if err := errors.Join(errX, errY); err != nil || len(x) != 32 || len(y) != 32 {
		return nil, errors.New("not a P-256 key")
	}
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
}
