package auth_test

import (
	"slices"
	"testing"

	"bazaar/shared/auth"
)

func TestPermissionsFollowTheRoles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		roles       []string
		has, hasNot string
		none        bool
	}{
		"a buyer":        {nil, "", auth.WriteStock, true},
		"a strange role": {[]string{"root"}, "", auth.WriteStock, true},
		"the warehouse":  {[]string{auth.RoleWarehouse}, auth.ShipOrder, auth.RefundPayment, false},
		"an admin":       {[]string{auth.RoleAdmin}, auth.RefundPayment, "", false},
		"both":           {[]string{auth.RoleWarehouse, auth.RoleAdmin}, auth.ShipOrder, "", false},
	} {
		got := auth.Permissions(c.roles)
		if got == nil || (len(got) == 0) != c.none || c.has != "" && !slices.Contains(got, c.has) || c.hasNot != "" && slices.Contains(got, c.hasNot) {
			t.Errorf("%s: %v", name, got)
		}
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Errorf("%s: not sorted, or with doubles: %v", name, got)
		}
	}
}
