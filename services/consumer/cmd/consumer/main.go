// Command consumer runs the consumer service alone.
package main

import (
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/services/consumer"
)

func main() { app.Main(consumer.Service()) }
