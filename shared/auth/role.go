package auth

import "slices"

// The roles an account may have. Whoever has none is a buyer.
const (
	RoleAdmin     = "admin"
	RoleWarehouse = "warehouse"
)

// What a role allows beyond what every signed-in user may do with what is
// their own.
const (
	WriteCatalog    = "catalog:write"
	WriteStock      = "stock:write"
	WriteSale       = "sale:write"
	ReadAnyOrder    = "order:read_any"
	CancelAnyOrder  = "order:cancel_any"
	ShipOrder       = "order:ship"
	ReadAnyPayment  = "payment:read_any"
	RefundPayment   = "payment:refund"
	ReconcileLedger = "payment:reconcile"
)

// Permissions is what the roles allow together, sorted, without doubles and
// never nil. A role that is not known allows nothing.
func Permissions(roles []string) []string {
	all := []string{}
	for _, role := range roles {
		all = append(all, permissionsOf(role)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func permissionsOf(role string) []string {
	switch role {
	case RoleAdmin:
		return []string{
			WriteCatalog, WriteStock, WriteSale, ReadAnyOrder, CancelAnyOrder, ShipOrder,
			ReadAnyPayment, RefundPayment, ReconcileLedger,
		}
	case RoleWarehouse:
		return []string{ShipOrder}
	}
	return nil
}
