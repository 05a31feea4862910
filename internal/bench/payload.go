package main

import (
	"bytes"
	"strconv"
	"strings"
)

// minPayload is the size below which payload has nothing left to shorten.
const minPayload = 256

// payload returns a compact JSON object of exactly n bytes that looks like what
// hosts send: short strings, numbers and nesting rather than one long string.
// n is at least minPayload.
func payload(n int) []byte {
	const (
		head = `{"id":"sub_01J9ZQ4W8N","customer":{"id":"cus_83021","name":"Ada Lovelace","email":"ada@example.com"},"currency":"EUR","active":true,"items":[`
		tail = `],"note":""}`
	)
	var b bytes.Buffer
	b.Grow(n)
	b.WriteString(head)
	for i := 0; ; i++ {
		item := `{"sku":"SKU-` + strconv.Itoa(1000+i) + `","quantity":` + strconv.Itoa(i%7+1) + `,"price":` + strconv.Itoa(100*i+99) + `}`
		if i > 0 {
			item = "," + item
		}
		if b.Len()+len(item)+len(tail) > n {
			break
		}
		b.WriteString(item)
	}
	fill := strings.Repeat("x", n-b.Len()-len(tail))
	b.WriteString(tail[:len(tail)-2] + fill + `"}`)
	return b.Bytes()
}
