package eval

import (
	"fmt"
	"math/bits"
)

// Seeds of MurmurHash3 x86_32: one for rollouts, one for variants (client
// specification 5.0.0), so that the two choices are independent.
const (
	RolloutSeed uint32 = 0
	VariantSeed uint32 = 86028157
)

// Prefix is the state of MurmurHash3 x86_32 after "groupId:": each request
// hashes its own id only. It is bytes of UTF-8 that are hashed, as yggdrasil
// does; SDKs in JavaScript hash UTF-16 units and differ for ids outside ASCII.
type HashState struct {
	hash   uint32
	tail   uint32 // bytes that do not fill a block yet
	shift  uint8  // how many bits of tail there are: 0, 8, 16 or 24
	length uint32
}

const (
	murmur1 = 0xcc9e2d51
	murmur2 = 0x1b873593
)

// NewHash returns the state of a hash of "group:".
func NewHash(seed uint32, group string) HashState {
	p := HashState{hash: seed}
	return p.write(group).write(":")
}

// write appends text to what is hashed.
func (p HashState) write(text string) HashState {
	p.length += uint32(len(text))
	i := 0
	if p.shift == 0 {
		for ; i+4 <= len(text); i += 4 {
			p.hash = mix(p.hash, word(text[i:]))
		}
	} else {
		for ; i+4 <= len(text); i += 4 {
			block := word(text[i:])
			p.hash = mix(p.hash, p.tail|block<<(p.shift&31))
			p.tail = block >> ((32 - p.shift) & 31)
		}
	}
	for ; i < len(text); i++ {
		p.tail |= uint32(text[i]) << (p.shift & 31)
		if p.shift += 8; p.shift == 32 {
			p.hash, p.tail, p.shift = mix(p.hash, p.tail), 0, 0
		}
	}
	return p
}

// word reads four bytes, the least one first.
func word(text string) uint32 {
	_ = text[3]
	return uint32(text[0]) | uint32(text[1])<<8 | uint32(text[2])<<16 | uint32(text[3])<<24
}

func mix(hash, block uint32) uint32 {
	block *= murmur1
	block = bits.RotateLeft32(block, 15)
	hash ^= block * murmur2
	return bits.RotateLeft32(hash, 13)*5 + 0xe6546b64
}

// sum is the hash of everything that was written.
func (p HashState) sum() uint32 {
	h := p.hash
	if p.shift > 0 {
		h ^= bits.RotateLeft32(p.tail*murmur1, 15) * murmur2
	}
	h ^= p.length
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	return h ^ h>>16
}

// Percent returns hash(group ":" id) % 100 + 1, from 1 to 100.
func (p HashState) Percent(id string) int { return int(p.write(id).sum()%100) + 1 }

// Bucket returns hash(group ":" id) % size + 1, from 1 to size.
func (p HashState) Bucket(id string, size int) int {
	h := p.write(id).sum()
	if size == 1000 { // nearly always; a division by a constant is a multiplication
		return int(h%1000) + 1
	}
	return int(uint64(h)%uint64(size)) + 1
}

// Digest replaces a value of a hashed field: two MurmurHash3 of the salt and
// the value, in hexadecimal. A holder of the salt can try values; it keeps ids
// from being read, not from being guessed.
func Digest(salt, value string) string {
	return fmt.Sprintf("%08x%08x", NewHash(RolloutSeed, salt).write(value).sum(),
		NewHash(VariantSeed, salt).write(value).sum())
}
