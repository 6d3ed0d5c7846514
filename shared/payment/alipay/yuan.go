package alipay

import (
	"fmt"
	"strconv"
)

// maxFen is the largest amount that nine digits of yuan and two of fen can say.
const maxFen = 999_999_999_99

// Yuan writes fen as the protocol wants it: "12.30". Negative amounts and those
// of more than nine digits of yuan have no form and are an error.
func Yuan(fen int64) (string, error) {
	if fen < 0 || fen > maxFen {
		return "", fmt.Errorf("%d fen cannot be written in yuan", fen)
	}
	return fmt.Sprintf("%d.%02d", fen/100, fen%100), nil
}

// Fen reads an amount in yuan: one to nine digits without leading zeros, then
// at most a point and one or two digits. No sign, no space, no exponent, no
// thousands separator, and never through a float.
func Fen(yuan string) (int64, error) {
	whole, rest := digits(yuan)
	if len(whole) == 0 || len(whole) > 9 || (len(whole) > 1 && whole[0] == '0') {
		return 0, badYuan(yuan)
	}
	cents := "00"
	if rest != "" {
		fraction, tail := digits(rest[1:])
		if rest[0] != '.' || tail != "" || len(fraction) == 0 || len(fraction) > 2 {
			return 0, badYuan(yuan)
		}
		cents = (fraction + "0")[:2]
	}
	fen, err := strconv.ParseInt(whole+cents, 10, 64)
	if err != nil {
		return 0, badYuan(yuan)
	}
	return fen, nil
}

// digits splits s after its leading ASCII digits.
func digits(s string) (head, tail string) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return s[:i], s[i:]
}

func badYuan(s string) error {
	if len(s) > 32 {
		s = s[:32] + "…"
	}
	return fmt.Errorf("%q is no amount in yuan", s)
}
