package oauth

import (
	"net/http"

	"github.com/tidegate-io/tidegate/libs/httpapi"
)

// What forms hold, for the document.
type (
	// TokenRequest asks for tokens.
	TokenRequest struct {
		GrantType    string `json:"grant_type" enum:"client_credentials,refresh_token"`
		Scope        string `json:"scope,omitempty" doc:"Separated by spaces; all that the credential may ask for when left out."`
		RefreshToken string `json:"refresh_token,omitempty"`
		ClientID     string `json:"client_id,omitempty" doc:"Unless the client proves itself by Basic."`
		ClientSecret string `json:"client_secret,omitempty"`
	}
	// TokenInquiry names a token.
	TokenInquiry struct {
		Token        string `json:"token" doc:"An access token or a refresh token."`
		Hint         string `json:"token_type_hint,omitempty" doc:"Not needed, and not looked at."`
		ClientID     string `json:"client_id,omitempty" doc:"Unless the caller proves itself by a header."`
		ClientSecret string `json:"client_secret,omitempty"`
	}
)

const (
	exampleAccess  = "eyJhbGciOiJFUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6ImF0K2p3dCJ9.e30.c2lnbmF0dXJl"
	exampleRefresh = "tg_r_AQpzLTAxMjM0NTY3ODlhYg"
	exampleSecret  = "tg_c_0000000000000000000000000000000000000000000000000"
	exampleID      = "cred_01kjm2x0v8e6hbqg4y5s8zq3wd"
)

func (o *Server) describe(s *httpapi.Server) {
	tokens := httpapi.RawAnswer{Status: http.StatusOK, Description: "Tokens", Body: Tokens{
		AccessToken: exampleAccess, TokenType: "Bearer", ExpiresIn: 3600, Scope: "pets:read", RefreshToken: exampleRefresh,
	}}
	either := []string{httpapi.SecurityClient, httpapi.SecurityBearer}
	httpapi.RegisterRaw(s, httpapi.Raw{
		ID: "issue-token", Method: http.MethodPost, Path: TokenPath, Tag: "oauth2",
		Summary: "Get tokens (RFC 6749)",
		Description: "The client, a credential of the type oauth2, proves itself by Basic (its id and secret form-urlencoded, or plain) or in the form, and not by both. " +
			"The access token is an ES256 JWT that gateways verify by themselves; it ends with its credential, with the version of the secret that was shown, and when it is revoked. " +
			"A refresh token works once; one that is shown again ends all tokens that came of its grant.",
		Form:     TokenRequest{GrantType: "client_credentials", Scope: "pets:read"},
		Security: []string{httpapi.SecurityClient},
		Answers:  answers(tokens, "invalid_request", "invalid_scope, invalid_grant, unsupported_grant_type: a parameter is missing, there twice or not valid"),
	}, o.form(o.token))
	httpapi.RegisterRaw(s, httpapi.Raw{
		ID: "introspect-token", Method: http.MethodPost, Path: IntrospectPath, Tag: "oauth2",
		Summary:     "See what a token is (RFC 7662)",
		Description: "A client asks about its own tokens, a management caller about those of credentials that it may read. All others are answered as if there were none.",
		Form:        TokenInquiry{Token: exampleAccess}, Security: either,
		Answers: answers(httpapi.RawAnswer{Status: http.StatusOK, Description: "What it is", Body: Introspection{
			Active: true, Scope: "pets:read", ClientID: exampleID, TokenType: "Bearer", ExpiresAt: 1772370000, IssuedAt: 1772366400,
			NotBefore: 1772366390, Subject: exampleID, Audience: "tidegate-gateway", Issuer: "https://api.example.com",
			ID: "tok_01kjm2x0v8e6hbqg4y5s8zq3wf", CredentialID: exampleID, ConsumerID: "acme", GrantID: "grant_01kjm2x0v8e6hbqg4y5s8zq3wg",
		}}, "invalid_request", "a parameter is missing or there twice"),
	}, o.form(o.introspect))
	httpapi.RegisterRaw(s, httpapi.Raw{
		ID: "revoke-token", Method: http.MethodPost, Path: RevokePath, Tag: "oauth2",
		Summary: "Revoke a token (RFC 7009)",
		Description: "A client revokes its own tokens, a management caller those of credentials that it may change. Revoking a refresh token ends every access token that came of its grant, too. " +
			"What is no token, or has ended, is answered 200: there is nothing left to revoke.",
		Form: TokenInquiry{Token: exampleRefresh}, Security: either, Waits: true,
		Answers: answers(httpapi.RawAnswer{Status: http.StatusOK, Description: "It is refused from now on"}, "invalid_grant", "invalid_request: it was issued to another client; a parameter is missing or there twice"),
	}, o.form(o.revocation))
	httpapi.RegisterRaw(s, httpapi.Raw{
		ID: "login", Method: http.MethodPost, Path: LoginPath, Tag: "oauth2",
		Summary: "Get a token with whatever one has",
		Description: "`{\"api_key\"}` answers `{\"token\",\"token_type\":\"api_key\"}`: a token that stays the same until the key is rotated or revoked, and is used where the API key is. " +
			"`{\"client_id\",\"client_secret\"}` and `{\"refresh_token\"}` answer tokens as /oauth2/token does.",
		JSON:    Login{ClientID: exampleID, ClientSecret: exampleSecret},
		Answers: answers(tokens, "invalid_request", "the body is none of the three"),
	}, o.answering(o.login))
	httpapi.RegisterRaw(s, httpapi.Raw{
		ID: "get-oauth-metadata", Method: http.MethodGet, Path: MetadataPath, Tag: "oauth2",
		Summary: "What the OAuth 2 server can do (RFC 8414)",
		Answers: []httpapi.RawAnswer{{Status: http.StatusOK, Description: "Where it is", Body: metadataOf("https://api.example.com")}},
	}, o.metadata)
	httpapi.RegisterRaw(s, httpapi.Raw{
		ID: "get-jwks", Method: http.MethodGet, Path: KeysPath, Tag: "oauth2",
		Summary:     "The keys that verify access tokens (RFC 7517)",
		Description: "Next, current and previous. A key is here long before it signs.",
		Answers: []httpapi.RawAnswer{{Status: http.StatusOK, Description: "Keys", Media: "application/jwk-set+json", Body: KeySet{Keys: []PublicKey{{
			KeyType: "EC", Use: "sig", Algorithm: "ES256", KeyID: "oLBIX2BQfVVdnUTDHqlkTZjGJhyPvhoVeCEEfpzRaQE", Curve: "P-256",
			X: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", Y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
		}}}}},
	}, o.answering(o.jwks))
}

// answers are a success and the refusals that every endpoint has.
func answers(success httpapi.RawAnswer, code, refused string) []httpapi.RawAnswer {
	refusal := func(status int, description, code, text string) httpapi.RawAnswer {
		return httpapi.RawAnswer{Status: status, Description: description, Body: Error{Code: code, Description: text}}
	}
	return []httpapi.RawAnswer{
		success,
		refusal(http.StatusBadRequest, code+", "+refused, code, "A parameter is there twice."),
		refusal(http.StatusUnauthorized, "invalid_client: unknown, wrong, revoked, expired or suspended", errClient.Code, errClient.Description),
		refusal(http.StatusRequestEntityTooLarge, "invalid_request: the body is larger than 65536 bytes", "invalid_request", "The body is larger than 65536 bytes."),
		refusal(http.StatusServiceUnavailable, "temporarily_unavailable", "temporarily_unavailable", "It cannot be done now; try again."),
	}
}
