// broken is a function that cannot start.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println("the setting answer is missing")
	os.Exit(2)
}
