// Command gateway runs the gateway alone, configured by the environment.
package main

import (
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/services/gateway"
)

func main() { app.Main(gateway.Service()) }
