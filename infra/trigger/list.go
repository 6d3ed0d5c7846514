package trigger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/openfaas/faas-provider/types"
)

// listTimeout bounds one reading of the list of functions.
const listTimeout = 10 * time.Second

// list asks the gateway which functions are deployed. An answer that is not a
// whole list is an error: it says nothing about who is missing.
func (t *Trigger) list(ctx context.Context) ([]types.FunctionStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.caller.gateway+"/system/functions", nil)
	if err != nil {
		return nil, fmt.Errorf("making the request for the list of functions: %w", err)
	}
	req.SetBasicAuth(t.settings.GatewayUser, t.settings.GatewayPassword)
	res, err := t.caller.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking for the list of functions: %w", err)
	}
	defer res.Body.Close() //nolint:errcheck // read to its end or given up
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking for the list of functions: the gateway answered %s", res.Status)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the list of functions: %w", err)
	}
	var functions []types.FunctionStatus
	if err := json.Unmarshal(body, &functions); err != nil {
		return nil, fmt.Errorf("reading the list of functions: %w", err)
	}
	if functions == nil { // null is no list: it must not count as one of nobody
		return nil, errors.New("reading the list of functions: there is none")
	}
	return functions, nil
}
