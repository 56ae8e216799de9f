package app

import (
	"log/slog"
	"net"
	"time"

	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/telemetry"
)

// Config is what a process is told from outside. ReadConfig fills it from the
// environment; `tidegate up` from its flags.
type Config struct {
	// DatabaseURL is a postgres:// address, in which each service has a schema.
	// Empty: one SQLite file a service in DataDir.
	DatabaseURL string
	// NATSURL is one address or several, separated by commas.
	NATSURL string
	// NATSReplicas is how many servers keep each stream.
	NATSReplicas int
	// Namespace is the organisation's, part of every event's source.
	Namespace string

	// Listen is the address of the management API.
	Listen string
	// GatewayListen and GatewayAdminListen are the gateway's.
	GatewayListen      string
	GatewayAdminListen string
	// ExtAuthzListen is where the gateway decides for Envoy (ext_authz over gRPC).
	// Empty: nowhere.
	ExtAuthzListen string

	// PublicURL is the management address as clients reach it, without a path:
	// the issuer of access tokens. Empty: the address that a client used.
	PublicURL string

	// AuthIssuer and AuthJWKSURL say whose management tokens count. Both empty:
	// the built-in issuer, whose key is in DataDir.
	AuthIssuer  string
	AuthJWKSURL string
	// AuthAudience is the aud that tokens must name. Empty: it is not looked at.
	AuthAudience string

	// Keyring is the file of the key ring. Empty: one in DataDir, made on first
	// start.
	Keyring string
	// KeyringDriver says how that file rests.
	KeyringDriver KeyringDriver
	// DataDir holds what lasts and is not in a database.
	DataDir string

	LogLevel  slog.Level
	LogFormat string // "json", "text"; empty: text on a terminal

	// RenewGrace is how long after its expiry a subscription can be renewed.
	RenewGrace time.Duration
	// SignedBodyLimit is how large a body may be that a signature covers, in
	// bytes: the gateway holds it until it is verified.
	SignedBodyLimit int
	// AccessLog is where the gateway writes a line for each call: "stdout",
	// "stderr" or a file's path; "off", or empty: nowhere.
	AccessLog string
	// WebhookAllowPrivate lets webhooks go to loopback and private addresses.
	WebhookAllowPrivate bool

	// Peers are the base URLs of services that run elsewhere, one a replica, by
	// service name.
	Peers map[string][]string

	// Wiring is what only a surrounding program can give.
	Wiring Wiring
}

// Names of listeners, for Wiring.Listeners and Deps.Listen. A service's own
// management API has the service's name.
const (
	GatewayListener      = "gateway"
	GatewayAdminListener = "gateway-admin"
	ExtAuthzListener     = "ext-authz"
)

// Wiring is given by `tidegate up` and by tests. All of it is optional.
type Wiring struct {
	// InProcess is an embedded NATS server, dialled without a port in place of
	// NATSURL.
	InProcess interface{ InProcessConn() (net.Conn, error) }
	// Listeners are bound already, by name, in place of the addresses in Config.
	Listeners map[string]net.Listener
	// Auth judges management tokens in place of the configured issuer.
	Auth httpapi.Authenticator
	// Clock is the time that services go by.
	Clock func() time.Time
	// Telemetry is the process's, in place of one made from Config. Who gives it
	// shuts it down.
	Telemetry *telemetry.Telemetry
	// Ready is called once, when every readiness check has passed.
	Ready func(Addresses)
}

// Addresses are what a process listens on, by listener name.
type Addresses map[string]net.Addr
