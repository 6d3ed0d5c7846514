package local

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"gopkg.in/yaml.v3"
)

// The merchant that paysim knows.
const (
	alipayAppID    = "2021000000000001"
	alipaySellerID = "2088000000000001"
)

// storesEnvironment says where everything is: what infra/faasd/stores.yml says
// on faasd.
func (r *runner) storesEnvironment() map[string]string {
	return map[string]string{
		"pg_url":                      r.stores.postgres.URL(),
		"redis_addrs":                 r.stores.redis.Addr(),
		"nats_url":                    r.stores.nats.URL(),
		"nats_user":                   "bazaar",
		"alipay_gateway":              "http://" + address(r.paysimPort) + "/gateway.do",
		"alipay_notify_url":           "http://" + r.listener.Addr().String() + "/function/payment-callback/alipay",
		"alipay_app_id":               alipayAppID,
		"alipay_seller_id":            alipaySellerID,
		"otel_exporter_otlp_endpoint": os.Getenv("otel_exporter_otlp_endpoint"),
	}
}

// writeStores writes the environment_file of all functions.
func (r *runner) writeStores() (string, error) {
	text, err := yaml.Marshal(map[string]any{"environment": r.storesEnvironment()})
	if err != nil {
		return "", fmt.Errorf("encoding the stores' addresses: %w", err)
	}
	path := r.folder.join("stores.yml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", fmt.Errorf("writing the stores' addresses: %w", err)
	}
	return path, nil
}

// environ makes the environment of a process: later layers win.
func environ(layers ...map[string]string) []string {
	all := map[string]string{}
	for _, layer := range layers {
		maps.Copy(all, layer)
	}
	list := make([]string, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, name+"="+all[name])
	}
	return list
}
