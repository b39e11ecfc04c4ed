package main

import (
	"net"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
)

// coreAddress is where the API of a configuration listens on this machine.
func coreAddress(api *config.API) string {
	scheme, listen := "http", api.Listen
	if api.TLS.Only {
		scheme, listen = "https", api.TLS.Listen
	}
	host, port, _ := net.SplitHostPort(listen)
	return localAddress(scheme, host, port, api.BasePath)
}

// backstageAddress is where its backstage listens on this machine.
func backstageAddress(api *config.API) string {
	if api.Backstage.Listen == "" {
		return coreAddress(api)
	}
	host, port, _ := net.SplitHostPort(api.Backstage.Listen)
	return localAddress("http", host, port, api.BasePath)
}

func localAddress(scheme, host, port, basePath string) string {
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	if port == "" {
		port = "3063"
	}
	return scheme + "://" + net.JoinHostPort(host, port) + basePath
}
