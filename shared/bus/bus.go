// Package bus is the way to NATS JetStream.
package bus
