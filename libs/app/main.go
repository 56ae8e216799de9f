package app

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

// Main runs one service alone, configured by the environment, until SIGTERM or
// SIGINT, and ends the program: with 0 when it drained, with 1 and a message on
// standard error otherwise.
//
// With the argument "version" it prints the version, and with "healthcheck" it
// asks the service that runs beside it whether it is alive, for container images
// that hold nothing else.
func Main(s Service) {
	os.Exit(execute(s, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

func execute(s Service, args, environ []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	err := command(ctx, s, args, environ, stdout)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", s.Name, err)
		return 1
	}
	return 0
}

func command(ctx context.Context, s Service, args, environ []string, stdout io.Writer) error {
	if len(args) > 0 && args[0] == "version" {
		_, err := fmt.Fprintln(stdout, Version())
		return err
	}
	cfg, err := ReadConfig(environ, s)
	if err != nil {
		return err
	}
	switch {
	case len(args) == 0:
		return Run(ctx, cfg, s)
	case args[0] == "healthcheck":
		return alive(ctx, cfg, s)
	}
	return fmt.Errorf("unknown argument %q: want none, version or healthcheck", args[0])
}

// alive asks the process on the configured address whether it is alive.
func alive(ctx context.Context, cfg Config, s Service) error {
	address := cfg.Listen
	if s.Routes == nil {
		address = cfg.GatewayAdminListen
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/livez", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", answer.Status)
	}
	return nil
}

// version is set by the linker for releases.
var version = ""

// Version answers the release, or the commit that the program was built from.
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && len(setting.Value) >= 12 {
			return "dev-" + setting.Value[:12]
		}
	}
	return "dev"
}
