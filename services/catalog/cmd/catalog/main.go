// Command catalog runs the catalogue alone.
package main

import (
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/services/catalog"
)

func main() { app.Main(catalog.Service()) }
