// Command tidegate is Tidegate in one binary: the whole system in one process
// (`tidegate up`), and the command line of a system that runs anywhere.
package main

import (
	"os"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
