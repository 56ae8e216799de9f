package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/libs/secret/transit"
)

// KeyringDriver says how the key ring's file rests.
type KeyringDriver struct {
	// Transit is the engine that wraps it; nil: the file is the ring itself.
	Transit *transit.Config
}

// keyringEnvironment is KeyringDriver as the environment spells it.
type keyringEnvironment struct {
	Driver    string `env:"TIDEGATE_KEYRING_DRIVER" envDefault:"file"`
	Address   string `env:"TIDEGATE_KEYRING_TRANSIT_ADDRESS"`
	Key       string `env:"TIDEGATE_KEYRING_TRANSIT_KEY" envDefault:"tidegate"`
	Mount     string `env:"TIDEGATE_KEYRING_TRANSIT_MOUNT" envDefault:"transit"`
	Namespace string `env:"TIDEGATE_KEYRING_TRANSIT_NAMESPACE"`
	CAFile    string `env:"TIDEGATE_KEYRING_TRANSIT_CA_FILE"`
	Token     string `env:"TIDEGATE_KEYRING_TRANSIT_TOKEN"`
	TokenFile string `env:"TIDEGATE_KEYRING_TRANSIT_TOKEN_FILE"` // read at each call: tokens are renewed
}

// keyringDriver reads and judges how the key ring rests.
func keyringDriver(values map[string]string, faults *faults) KeyringDriver {
	var e keyringEnvironment
	faults.add(env.ParseWithOptions(&e, env.Options{Environment: values}))
	switch e.Driver {
	case "file":
		if e.Address != "" {
			faults.addf("TIDEGATE_KEYRING_TRANSIT_ADDRESS: set TIDEGATE_KEYRING_DRIVER to transit as well")
		}
		return KeyringDriver{}
	case "transit":
	default:
		faults.addf("TIDEGATE_KEYRING_DRIVER: want file or transit")
		return KeyringDriver{}
	}
	cfg := transit.Config{
		Address: e.Address, Key: e.Key, Mount: e.Mount, Namespace: e.Namespace, CAFile: e.CAFile, Token: e.Token, TokenFile: e.TokenFile,
	}
	if _, err := transit.New(cfg); err != nil {
		faults.addf("TIDEGATE_KEYRING_TRANSIT_*: %v", err)
	}
	return KeyringDriver{Transit: &cfg}
}

// KeyringSource answers where the key ring is: in its own file, or one in the
// data directory, which is made on first start.
func (c Config) KeyringSource() (secret.Source, error) {
	source := secret.Source{Path: c.Keyring}
	if c.Keyring == "" {
		source.Path, source.Create = KeyringFile(c.DataDir), true
	}
	if c.KeyringDriver.Transit == nil {
		return source, nil
	}
	driver, err := transit.New(*c.KeyringDriver.Transit)
	if err != nil {
		return source, fmt.Errorf("unwrap the key ring: %w", err)
	}
	source.Driver = driver
	return source, nil
}

// openRing opens a service's key ring and lines up what notices its changes.
// Whoever unwraps it and cannot be reached yet is waited for.
func (p *process) openRing(ctx context.Context, part *part) error {
	log, name := part.deps.Log, part.service.Name
	source, err := p.cfg.KeyringSource()
	if err != nil {
		return err
	}
	began := time.Now()
	ring, err := secret.Open(ctx, source)
	for errors.Is(err, secret.ErrUnavailable) && time.Since(began) < patience {
		log.WarnContext(ctx, "the key ring cannot be unwrapped yet", "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
		ring, err = secret.Open(ctx, source)
	}
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w; make one with `tidegate keyring init --file %s`", err, source.Path)
	}
	if err != nil {
		return err
	}
	part.deps.Ring = ring
	news := &ringNews{}
	p.health.Watch(name+" key ring", news.check)
	p.back = append(p.back, task{name + " key ring", func(ctx context.Context) error {
		return ring.Watch(ctx, secret.WatchInterval, func(changed bool, err error) {
			news.hear(err)
			switch {
			case err != nil:
				log.Error("the key ring is not read again; the keys are those of before", "error", err)
			case changed:
				log.Info("the key ring has changed", "keys", ring.KeyIDs(), "active", ring.ActiveIDs())
			}
		})
	}})
	return nil
}
