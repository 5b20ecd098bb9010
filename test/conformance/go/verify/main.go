// Verify reads a running log over HTTP and holds all of it against golang.org/x/mod/sumdb's note and tlog: the
// checkpoint, an older one, every tile and entry bundle, proofs built from the tiles and those the log gives. Then it
// changes what was accepted, in every way it knows, and nothing of that may be accepted.
//
//	verify -url http://127.0.0.1:8086 -key VKEY -old FILE
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	proofs         = 400
	mutatedSamples = 12
	bundleWidth    = 256
)

type verifier struct {
	url   string
	keys  note.Verifiers
	now   tlog.Tree
	old   tlog.Tree
	tiles *tiles
	// Counted, so that the caller sees that something was looked at.
	counts struct{ Size, Proofs, Entries, Mutations int64 }
}

func main() {
	url := flag.String("url", "", "where the log is served")
	key := flag.String("key", "", "its verifier key")
	old := flag.String("old", "", "file of an older checkpoint")
	flag.Parse()
	log.SetFlags(0)
	parsed, err := note.NewVerifier(*key)
	check(err)
	v := &verifier{url: *url, keys: note.VerifierList(parsed), tiles: &tiles{url: *url, held: map[string][]byte{}}}
	oldNote, err := os.ReadFile(*old)
	check(err)
	nowNote := v.get("/checkpoint")
	v.old, v.now = v.open(oldNote), v.open(nowNote)
	v.counts.Size = v.now.N
	v.checkBundles()
	v.checkProofs()
	v.checkTree()
	v.mutateNote(nowNote)
	v.mutateTiles()
	check(json.NewEncoder(os.Stdout).Encode(v.counts))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func (v *verifier) get(path string) []byte {
	bytes, err := fetch(v.url + path)
	check(err)
	return bytes
}

func fetch(url string) ([]byte, error) {
	answer, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", url, answer.Status, body)
	}
	return body, err
}

// open gives the tree a signed checkpoint speaks of.
func (v *verifier) open(text []byte) tlog.Tree {
	opened, err := note.Open(text, v.keys)
	check(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	hash, err := tlog.ParseHash(lines[2])
	check(err)
	return tlog.Tree{N: size, Hash: hash}
}

// tiles reads them over HTTP; damage, when set, changes what it gives.
type tiles struct {
	url    string
	held   map[string][]byte
	damage func(path string, tile []byte) []byte
}

func (t *tiles) Height() int { return 8 }

func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t *tiles) ReadTiles(asked []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range asked {
		path := tilePath(tile)
		if _, isHeld := t.held[path]; !isHeld {
			body, err := fetch(t.url + path)
			if err != nil {
				return nil, err
			}
			t.held[path] = body
		}
		given := t.held[path]
		if t.damage != nil {
			given = t.damage(path, bytes.Clone(given))
		}
		all = append(all, given)
	}
	return all, nil
}

// tilePath is C2SP's; tlog.Tile.Path is the module mirror's older one.
func tilePath(tile tlog.Tile) string {
	name := fmt.Sprintf("%03d", tile.N%1000)
	for n := tile.N / 1000; n > 0; n /= 1000 {
		name = fmt.Sprintf("x%03d/%s", n%1000, name)
	}
	path := fmt.Sprintf("/tile/%d/%s", tile.L, name)
	if tile.W < bundleWidth {
		path += fmt.Sprintf(".p/%d", tile.W)
	}
	return path
}

// checkBundles holds every entry against its leaf in the tiles.
func (v *verifier) checkBundles() {
	for first := int64(0); first < v.now.N; first += bundleWidth {
		tile := tlog.Tile{H: 8, L: 0, N: first / bundleWidth, W: int(min(bundleWidth, v.now.N-first))}
		leaves, err := v.tiles.ReadTiles([]tlog.Tile{tile})
		check(err)
		bundle := v.get(strings.Replace(tilePath(tile), "/tile/0/", "/tile/entries/", 1))
		for at := 0; at < tile.W; at++ {
			size := int(binary.BigEndian.Uint16(bundle))
			hash := tlog.RecordHash(bundle[2 : 2+size])
			bundle = bundle[2+size:]
			if !bytes.Equal(hash[:], leaves[0][at*tlog.HashSize:(at+1)*tlog.HashSize]) {
				log.Fatalf("entry %d is not what its leaf says", first+int64(at))
			}
			v.counts.Entries++
		}
		if len(bundle) != 0 {
			log.Fatalf("the bundle of %d has bytes left over", first)
		}
	}
}

// checkProofs asks the log for proofs, builds the same from its tiles, and holds both against the checkpoint.
func (v *verifier) checkProofs() {
	reader := tlog.TileHashReader(v.now, v.tiles)
	step := max(1, v.now.N/proofs)
	for index := int64(0); index < v.now.N; index += step {
		var entry struct{ Entry []byte }
		check(json.Unmarshal(v.get(fmt.Sprintf("/entries/%d", index)), &entry))
		leaf := tlog.RecordHash(entry.Entry)
		given := v.proof(fmt.Sprintf("/proofs/inclusion?leafIndex=%d&treeSize=%d", index, v.now.N))
		check(tlog.CheckRecord(given, v.now.N, v.now.Hash, index, leaf))
		built, err := tlog.ProveRecord(v.now.N, index, reader)
		check(err)
		check(tlog.CheckRecord(built, v.now.N, v.now.Hash, index, leaf))
		v.counts.Proofs++
		if v.counts.Proofs%(proofs/mutatedSamples) == 0 {
			v.mutateRecord(given, index, leaf)
		}
	}
}

func (v *verifier) proof(path string) []tlog.Hash {
	var answer struct{ Proof []string }
	check(json.Unmarshal(v.get(path), &answer))
	hashes := make([]tlog.Hash, len(answer.Proof))
	for at, text := range answer.Proof {
		decoded, err := hex.DecodeString(text)
		check(err)
		copy(hashes[at][:], decoded)
	}
	return hashes
}

func (v *verifier) checkTree() {
	given := v.proof(fmt.Sprintf("/proofs/consistency?oldSize=%d&newSize=%d", v.old.N, v.now.N))
	check(tlog.CheckTree(given, v.now.N, v.now.Hash, v.old.N, v.old.Hash))
	built, err := tlog.ProveTree(v.now.N, v.old.N, tlog.TileHashReader(v.now, v.tiles))
	check(err)
	check(tlog.CheckTree(built, v.now.N, v.now.Hash, v.old.N, v.old.Hash))
	v.counts.Proofs++
	for what, changed := range changedProofs(given) {
		v.refused("consistency, "+what, tlog.CheckTree(changed, v.now.N, v.now.Hash, v.old.N, v.old.Hash))
	}
	// The old size fixes the shape of the proof less than the roots do: those are changed in each bit.
	for bit := range 8 * tlog.HashSize {
		v.refused("the old root", tlog.CheckTree(given, v.now.N, v.now.Hash, v.old.N, flipped(v.old.Hash, bit)))
		v.refused("the new root", tlog.CheckTree(given, v.now.N, flipped(v.now.Hash, bit), v.old.N, v.old.Hash))
	}
}

func (v *verifier) refused(what string, err error) {
	if err == nil {
		log.Fatalf("accepted: %s was changed", what)
	}
	v.counts.Mutations++
}

func flipped(hash tlog.Hash, bit int) tlog.Hash {
	hash[bit/8] ^= 1 << (bit % 8)
	return hash
}

// changedProofs gives every proof that is one change away: a bit, a hash less, a hash more, two that changed places.
func changedProofs(proof []tlog.Hash) map[string][]tlog.Hash {
	all := map[string][]tlog.Hash{"one more": append(append([]tlog.Hash{}, proof...), tlog.Hash{})}
	for at := range proof {
		without := append(append([]tlog.Hash{}, proof[:at]...), proof[at+1:]...)
		all[fmt.Sprintf("without %d", at)] = without
		for bit := range 8 * tlog.HashSize {
			changed := append([]tlog.Hash{}, proof...)
			changed[at] = flipped(changed[at], bit)
			all[fmt.Sprintf("bit %d of %d", bit, at)] = changed
		}
		if at > 0 {
			swapped := append([]tlog.Hash{}, proof...)
			swapped[at], swapped[at-1] = swapped[at-1], swapped[at]
			all[fmt.Sprintf("%d before %d", at, at-1)] = swapped
		}
	}
	return all
}

func (v *verifier) mutateRecord(proof []tlog.Hash, index int64, leaf tlog.Hash) {
	for what, changed := range changedProofs(proof) {
		v.refused("inclusion, "+what, tlog.CheckRecord(changed, v.now.N, v.now.Hash, index, leaf))
	}
	for _, other := range []int64{index - 1, index + 1, index ^ 1, v.now.N} {
		v.refused("the index", tlog.CheckRecord(proof, v.now.N, v.now.Hash, other, leaf))
	}
	for bit := range 8 * tlog.HashSize {
		v.refused("the leaf", tlog.CheckRecord(proof, v.now.N, v.now.Hash, index, flipped(leaf, bit)))
		v.refused("the root", tlog.CheckRecord(proof, v.now.N, flipped(v.now.Hash, bit), index, leaf))
	}
}

// mutateNote changes each bit of the checkpoint. Base64 leaves bits of its last character unused: a change of those
// alone says the same signature.
func (v *verifier) mutateNote(text []byte) {
	for bit := range 8 * len(text) {
		changed := bytes.Clone(text)
		changed[bit/8] ^= 1 << (bit % 8)
		if opened, err := note.Open(changed, v.keys); err != nil || !v.saysTheSame(opened, text) {
			v.refused(fmt.Sprintf("bit %d of the checkpoint", bit), err)
		}
	}
}

func (v *verifier) saysTheSame(opened *note.Note, text []byte) bool {
	original, err := note.Open(text, v.keys)
	check(err)
	one, err := base64.StdEncoding.DecodeString(opened.Sigs[0].Base64)
	check(err)
	other, err := base64.StdEncoding.DecodeString(original.Sigs[0].Base64)
	check(err)
	return opened.Text == original.Text && bytes.Equal(one, other)
}

// mutateTiles damages each tile a proof is built from, in one bit of each of its hashes.
func (v *verifier) mutateTiles() {
	index := v.now.N / 3
	paths := map[string]int{}
	v.tiles.damage = func(path string, tile []byte) []byte { paths[path] = len(tile); return tile }
	_, err := tlog.ProveRecord(v.now.N, index, tlog.TileHashReader(v.now, v.tiles))
	check(err)
	for damaged, size := range paths {
		for at := 0; at < size; at += tlog.HashSize {
			v.tiles.damage = func(path string, tile []byte) []byte {
				if path == damaged {
					tile[at] ^= 1
				}
				return tile
			}
			_, err := tlog.ProveRecord(v.now.N, index, tlog.TileHashReader(v.now, v.tiles))
			v.refused(fmt.Sprintf("hash %d of %s", at/tlog.HashSize, damaged), err)
		}
	}
	v.tiles.damage = nil
}
