module github.com/tidegate-io/tidegate/events

go 1.26
