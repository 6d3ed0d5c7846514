//go:build !linux

package audience

import (
	"context"
	"errors"
	"io"
)

// Serve needs Linux.
func Serve(context.Context, io.Reader, io.Writer) error {
	return errors.New("the people of the chat's measurements need Linux")
}
