module github.com/tidegate-io/tidegate/cmd/tidegate

go 1.26.0

replace (
	github.com/tidegate-io/tidegate/events => ../../events
	github.com/tidegate-io/tidegate/libs => ../../libs
	github.com/tidegate-io/tidegate/services/catalog => ../../services/catalog
	github.com/tidegate-io/tidegate/services/consumer => ../../services/consumer
	github.com/tidegate-io/tidegate/services/credential => ../../services/credential
	github.com/tidegate-io/tidegate/services/gateway => ../../services/gateway
	github.com/tidegate-io/tidegate/services/portal => ../../services/portal
	github.com/tidegate-io/tidegate/services/subscription => ../../services/subscription
)

require (
	charm.land/lipgloss/v2 v2.0.6
	github.com/rogpeppe/go-internal v1.16.0
	github.com/spf13/cobra v1.10.2
	github.com/spf13/pflag v1.0.10
	github.com/tidegate-io/tidegate/events v0.0.0
	github.com/tidegate-io/tidegate/libs v0.0.0
	github.com/tidegate-io/tidegate/services/catalog v0.0.0
	github.com/tidegate-io/tidegate/services/consumer v0.0.0
	github.com/tidegate-io/tidegate/services/credential v0.0.0
	github.com/tidegate-io/tidegate/services/gateway v0.0.0
	github.com/tidegate-io/tidegate/services/portal v0.0.0
	github.com/tidegate-io/tidegate/services/subscription v0.0.0
	go.yaml.in/yaml/v4 v4.0.0
)
