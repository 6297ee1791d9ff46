package main

import (
	"encoding/binary"

	"github.com/anishathalye/porcupine"
	"github.com/zeebo/xxh3"
)

// stream is what s2-porcupine knows of a stream at one moment: how long it is, one hash of everything in it, and its
// fencing token. A stream begins without any token (nil), where the service begins with the empty one.
type stream struct {
	tail  uint32
	hash  uint64
	token *string
}

// call is what a client asked for.
type call struct {
	kind    kind
	records []uint64 // the hash of each record's body
	sets    *string  // the token that the batch sets
	token   *string  // the token that it asks for
	match   *uint32  // the tail that it asks for
	folds   map[uint64]uint64
}

type kind uint8

const (
	appending kind = iota
	reading
	checkingTail
)

// answer is what a client was told. The tail is nil where it failed, the hash where it was not a read.
type answer struct {
	outcome outcome
	tail    *uint32
	hash    *uint64
}

type outcome uint8

const (
	succeeded outcome = iota
	refused           // a failure without any effect
	unclear           // a failure that may have had its effect, or may have it yet
)

// model is s2-porcupine's model of a stream, for a library whose operations may lead to several states.
var model = porcupine.NondeterministicModel{
	Init: func() []any { return []any{stream{}} },
	Step: func(state, input, output any) []any {
		return state.(stream).after(input.(call), output.(answer))
	},
	Equal: func(a, b any) bool { return a.(stream).equals(b.(stream)) },
}

// after gives the states (each a stream) that the stream may be in once the call has been answered like that; none if it cannot be.
func (s stream) after(c call, a answer) []any {
	if c.kind == appending {
		return s.afterAppend(c, a)
	}
	if a.outcome == succeeded && (*a.tail != s.tail || (a.hash != nil && *a.hash != s.hash)) {
		return nil
	}
	return []any{s}
}

func (s stream) afterAppend(c call, a answer) []any {
	switch a.outcome {
	case refused: // whatever the reason was: none is asked for
		return []any{s}
	case unclear:
		if !s.admits(c) {
			return []any{s}
		}
		return []any{s.with(c), s}
	}
	if !s.admits(c) || *a.tail != s.tail+uint32(len(c.records)) {
		return nil
	}
	return []any{s.with(c)}
}

// admits tells whether the conditions of an append hold. No token given is equal to having none.
func (s stream) admits(c call) bool {
	if c.token != nil && (s.token == nil || *s.token != *c.token) {
		return false
	}
	return c.match == nil || *c.match == s.tail
}

func (s stream) with(c call) stream {
	next := stream{s.tail + uint32(len(c.records)), c.fold(s.hash), s.token}
	if c.sets != nil {
		next.token = c.sets
	}
	return next
}

func (s stream) equals(o stream) bool {
	if (s.token == nil) != (o.token == nil) || (s.token != nil && *s.token != *o.token) {
		return false
	}
	return s.tail == o.tail && s.hash == o.hash
}

// fold gives the hash of the stream once the batch has been appended. A search meets the same batch on the same stream
// again and again, so what was computed is kept; each history is checked by one goroutine.
func (c call) fold(hash uint64) uint64 {
	if known, ok := c.folds[hash]; ok {
		return known
	}
	folded := hash
	for _, record := range c.records {
		folded = chained(folded, record)
	}
	c.folds[hash] = folded
	return folded
}

// chained gives the hash of a stream and one record more: XXH3-64 of the record's hash, as 8 bytes little-endian, with
// the stream's hash as the seed.
func chained(hash, record uint64) uint64 {
	var bytes [8]byte
	binary.LittleEndian.PutUint64(bytes[:], record)
	return xxh3.HashSeed(bytes[:], hash)
}
