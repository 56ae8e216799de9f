package app

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Defaults are the addresses that are listened on when none was asked for.
const (
	DefaultListen             = "127.0.0.1:8080"
	DefaultGatewayListen      = "127.0.0.1:8000"
	DefaultGatewayAdminListen = "127.0.0.1:8001"
	DefaultExtAuthzListen     = "off"
)

// environment is Config as the environment spells it. Everything is text here,
// so that a fault can be told with the variable's name and without its value.
type environment struct {
	DatabaseURL         string `env:"TIDEGATE_DATABASE_URL"`
	NATSURL             string `env:"TIDEGATE_NATS_URL"`
	NATSReplicas        string `env:"TIDEGATE_NATS_REPLICAS" envDefault:"1"`
	Namespace           string `env:"TIDEGATE_NAMESPACE" envDefault:"default"`
	Listen              string `env:"TIDEGATE_LISTEN" envDefault:"127.0.0.1:8080"`
	GatewayListen       string `env:"TIDEGATE_GATEWAY_LISTEN" envDefault:"127.0.0.1:8000"`
	GatewayAdminListen  string `env:"TIDEGATE_GATEWAY_ADMIN_LISTEN" envDefault:"127.0.0.1:8001"`
	ExtAuthzListen      string `env:"TIDEGATE_EXT_AUTHZ_LISTEN" envDefault:"off"`
	PublicURL           string `env:"TIDEGATE_PUBLIC_URL"`
	AuthIssuer          string `env:"TIDEGATE_AUTH_ISSUER"`
	AuthJWKSURL         string `env:"TIDEGATE_AUTH_JWKS_URL"`
	AuthAudience        string `env:"TIDEGATE_AUTH_AUDIENCE"`
	Keyring             string `env:"TIDEGATE_KEYRING"`
	DataDir             string `env:"TIDEGATE_DATA_DIR"`
	LogLevel            string `env:"TIDEGATE_LOG_LEVEL" envDefault:"info"`
	LogFormat           string `env:"TIDEGATE_LOG_FORMAT"`
	RenewGrace          string `env:"TIDEGATE_RENEW_GRACE" envDefault:"720h"`
	SignedBodyLimit     string `env:"TIDEGATE_SIGNED_BODY_LIMIT" envDefault:"8388608"`
	AccessLog           string `env:"TIDEGATE_ACCESS_LOG" envDefault:"off"`
	WebhookAllowPrivate string `env:"TIDEGATE_WEBHOOK_ALLOW_PRIVATE" envDefault:"false"`
	ConsumerURL         string `env:"TIDEGATE_CONSUMER_URL"`
	CredentialURL       string `env:"TIDEGATE_CREDENTIAL_URL"`
	CatalogURL          string `env:"TIDEGATE_CATALOG_URL"`
	SubscriptionURL     string `env:"TIDEGATE_SUBSCRIPTION_URL"`
}

// maxSignedBody is the most that TIDEGATE_SIGNED_BODY_LIMIT can be, in bytes.
const maxSignedBody = 1 << 30

// secretVariables may be given as a file instead: NAME_FILE holds its path.
var secretVariables = []string{"TIDEGATE_DATABASE_URL", "TIDEGATE_NATS_URL"}

// ReadConfig reads the configuration of one service alone from variables in the
// form of os.Environ. Its error tells every fault at once, each with the name
// of its variable, and none with a value that may be secret.
func ReadConfig(variables []string, s Service) (Config, error) {
	var faults faults
	cfg := settings(variables, &faults)
	cfg.require(s, &faults)
	return cfg, faults.join()
}

// Settings is ReadConfig for a program that gives the services what they
// require by itself, as `tidegate up` does.
func Settings(variables []string) (Config, error) {
	var faults faults
	cfg := settings(variables, &faults)
	return cfg, faults.join()
}

func settings(variables []string, faults *faults) Config {
	values := env.ToMap(variables)
	for _, name := range secretVariables {
		faults.add(readFile(values, name))
	}
	var e environment
	faults.add(env.ParseWithOptions(&e, env.Options{Environment: values}))
	cfg := e.config(faults)
	cfg.KeyringDriver = keyringDriver(values, faults)
	return cfg
}

// readFile replaces NAME_FILE by the NAME that it holds.
func readFile(values map[string]string, name string) error {
	path := values[name+"_FILE"]
	if path == "" {
		return nil
	}
	if values[name] != "" {
		return fmt.Errorf("%s and %s_FILE are both set: keep one", name, name)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s_FILE: %w", name, err)
	}
	values[name] = strings.TrimSpace(string(content))
	return nil
}

// config judges every value by itself.
func (e environment) config(faults *faults) Config {
	cfg := Config{
		DatabaseURL:        e.DatabaseURL,
		NATSURL:            e.NATSURL,
		Namespace:          e.Namespace,
		Listen:             e.Listen,
		GatewayListen:      e.GatewayListen,
		GatewayAdminListen: e.GatewayAdminListen,
		PublicURL:          strings.TrimSuffix(e.PublicURL, "/"),
		AuthIssuer:         e.AuthIssuer,
		AuthJWKSURL:        e.AuthJWKSURL,
		AuthAudience:       e.AuthAudience,
		Keyring:            e.Keyring,
		DataDir:            e.DataDir,
		LogFormat:          e.LogFormat,
		AccessLog:          e.AccessLog,
		Peers:              map[string][]string{},
	}
	if e.ExtAuthzListen != "off" {
		cfg.ExtAuthzListen = e.ExtAuthzListen
	}
	if _, err := fmt.Sscanf(e.NATSReplicas, "%d", &cfg.NATSReplicas); err != nil || cfg.NATSReplicas < 1 || cfg.NATSReplicas > 5 {
		faults.addf("TIDEGATE_NATS_REPLICAS: want 1 to 5, usually 3 on a cluster")
	}
	if err := cfg.LogLevel.UnmarshalText([]byte(e.LogLevel)); err != nil {
		faults.addf("TIDEGATE_LOG_LEVEL: want debug, info, warn or error")
	}
	var err error
	if cfg.RenewGrace, err = time.ParseDuration(e.RenewGrace); err != nil || cfg.RenewGrace < 0 {
		faults.addf("TIDEGATE_RENEW_GRACE: want a duration such as 720h")
	}
	if cfg.SignedBodyLimit, err = strconv.Atoi(e.SignedBodyLimit); err != nil || cfg.SignedBodyLimit < 1 || cfg.SignedBodyLimit > maxSignedBody {
		faults.addf("TIDEGATE_SIGNED_BODY_LIMIT: want bytes, 1 to %d", maxSignedBody)
	}
	switch e.WebhookAllowPrivate {
	case "true", "1":
		cfg.WebhookAllowPrivate = true
	case "false", "0", "":
	default:
		faults.addf("TIDEGATE_WEBHOOK_ALLOW_PRIVATE: want true or false")
	}
	for service, list := range map[string]string{
		"consumer": e.ConsumerURL, "credential": e.CredentialURL, "catalog": e.CatalogURL, "subscription": e.SubscriptionURL,
	} {
		for _, address := range split(list) {
			if parsed, err := url.Parse(address); err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" {
				faults.addf("%s: want http://host:port, several separated by commas", PeerVariable(service))
				continue
			}
			cfg.Peers[service] = append(cfg.Peers[service], strings.TrimSuffix(address, "/"))
		}
	}
	cfg.check(faults)
	return cfg
}

// PeerVariable names the variable with the addresses of a service.
func PeerVariable(service string) string { return "TIDEGATE_" + strings.ToUpper(service) + "_URL" }

// check judges what is wrong whatever runs.
func (c Config) check(faults *faults) {
	if c.DatabaseURL != "" && !strings.HasPrefix(c.DatabaseURL, "postgres://") && !strings.HasPrefix(c.DatabaseURL, "postgresql://") {
		faults.addf("TIDEGATE_DATABASE_URL: want postgres://user:password@host:port/database")
	}
	for _, address := range split(c.NATSURL) {
		if parsed, err := url.Parse(address); err != nil || parsed.Host == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, parsed.Scheme) {
			faults.addf("TIDEGATE_NATS_URL: want nats://host:port, several separated by commas")
			break
		}
	}
	if c.PublicURL != "" && !isOrigin(c.PublicURL) {
		faults.addf("TIDEGATE_PUBLIC_URL: want the address at which clients reach the management API, such as https://api.example.com, without a path")
	}
	if (c.AuthIssuer == "") != (c.AuthJWKSURL == "") {
		faults.addf("TIDEGATE_AUTH_ISSUER and TIDEGATE_AUTH_JWKS_URL: set both, or neither for the built-in issuer")
	}
	if c.LogFormat != "" && c.LogFormat != "json" && c.LogFormat != "text" {
		faults.addf("TIDEGATE_LOG_FORMAT: want json or text")
	}
	for variable, address := range map[string]string{
		"TIDEGATE_LISTEN": c.Listen, "TIDEGATE_GATEWAY_LISTEN": c.GatewayListen, "TIDEGATE_GATEWAY_ADMIN_LISTEN": c.GatewayAdminListen,
		"TIDEGATE_EXT_AUTHZ_LISTEN": c.ExtAuthzListen,
	} {
		if variable == "TIDEGATE_EXT_AUTHZ_LISTEN" && address == "" {
			continue // off
		}
		if _, _, err := net.SplitHostPort(address); err != nil {
			faults.addf("%s: want host:port, such as 127.0.0.1:8080 or :8080", variable)
		}
	}
}

// isOrigin says whether a URL is a scheme and a host, and nothing else: what is
// well known of it (RFC 8615) is then at its root.
func isOrigin(address string) bool {
	parsed, err := url.Parse(address)
	return err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Host != "" && address == parsed.Scheme+"://"+parsed.Host
}

// require judges what one service alone cannot do without.
func (c Config) require(s Service, faults *faults) {
	if c.NATSURL == "" {
		faults.addf("TIDEGATE_NATS_URL: required, the address of NATS")
	}
	if s.stored() && c.DatabaseURL == "" && c.DataDir == "" {
		faults.addf("TIDEGATE_DATABASE_URL: required (or TIDEGATE_DATA_DIR, for a SQLite file)")
	}
	if s.Ring && c.Keyring == "" && c.DataDir == "" {
		faults.addf("TIDEGATE_KEYRING: required, the file of the key ring")
	}
	if s.Dir && c.DataDir == "" {
		faults.addf("TIDEGATE_DATA_DIR: required, the folder for what must last")
	}
	if s.Routes != nil && c.AuthJWKSURL == "" && c.DataDir == "" {
		faults.addf("TIDEGATE_AUTH_ISSUER, TIDEGATE_AUTH_JWKS_URL: required (or TIDEGATE_DATA_DIR, for the built-in issuer)")
	}
	if s.Front {
		for _, peer := range Owners() {
			if len(c.Peers[peer]) == 0 {
				faults.addf("%s: required, the address of the %s service", PeerVariable(peer), peer)
			}
		}
	}
}

// faults are what is wrong with a configuration.
type faults []string

func (f *faults) addf(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

func (f *faults) add(err error) {
	if err != nil {
		*f = append(*f, err.Error())
	}
}

func (f *faults) join() error {
	if len(*f) == 0 {
		return nil
	}
	slices.Sort(*f)
	return errors.New("the configuration is wrong:\n  " + strings.Join(slices.Compact(*f), "\n  "))
}

func split(list string) []string {
	parts := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
	return slices.DeleteFunc(parts, func(s string) bool { return s == "" })
}
