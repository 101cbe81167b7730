// whole-log checks everything that a tlog-tiles log (a folder or an address) serves, against its signed checkpoint:
//
//	whole-log LOG VKEYFILE
//
// The checks are transparency-dev's and the Go project's; what is here only moves bytes:
//
//   - golang.org/x/mod/sumdb/note opens the checkpoint, formats/log reads it
//   - merkle/rfc6962 hashes every entry of every bundle, merkle/compact builds the tree from them: its root must be the checkpoint's,
//     and every tile, full or partial, must be the bytes that this tree has there
//   - merkle/proof makes inclusion and consistency proofs of hashes read from the served tiles, and verifies them
//
// In a folder, the partial tiles and bundles of earlier sizes must be the beginnings of the later ones, and nothing else may lie there.
// Ends with `OK <origin> <size> …` and 0, or `FAIL <why>` and 1.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

// Hashes in a full tile, entries in a full bundle.
const wide = 256

// The level of entry bundles, which stand below the hashes of their entries.
const entries = -1

var (
	hasher  = rfc6962.DefaultHasher
	factory = &compact.RangeFactory{Hash: hasher.HashChildren}
	client  = &http.Client{
		Timeout:       time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("a log does not redirect") },
	}
)

type failure struct{ error }

func fail(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

func need(err error, what string) {
	if err != nil {
		fail("%s: %v", what, err)
	}
}

// A source of a log's files.
type source struct {
	base   string
	remote bool
	read   int
}

// get reads one file, and says whether there is one.
func (s *source) get(path string) ([]byte, bool) {
	if !s.remote {
		data, err := os.ReadFile(filepath.Join(s.base, filepath.FromSlash(path)))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, false
		}
		need(err, path)
		s.read++
		return data, true
	}
	answer, err := client.Get(s.base + "/" + path)
	need(err, path)
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNotFound {
		return nil, false
	}
	if answer.StatusCode != http.StatusOK {
		fail("%s: answered %s", path, answer.Status)
	}
	data, err := io.ReadAll(answer.Body)
	need(err, path)
	s.read++
	return data, true
}

// tilePath is where tlog-tiles puts a tile, or a bundle.
func tilePath(level int, n uint64, width int) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	if width < wide {
		path += fmt.Sprintf(".p/%d", width)
	}
	if level == entries {
		return "tile/entries/" + path
	}
	return fmt.Sprintf("tile/%d/%s", level, path)
}

// beginning is the part of a tile, or a bundle, that holds its first items. Where it must hold no more, that is all of it.
func beginning(level int, data []byte, width int, all bool) ([]byte, error) {
	end := width * hasher.Size()
	if level == entries {
		end = 0
		for i := 0; i < width; i++ {
			if len(data) < end+2 {
				return nil, fmt.Errorf("it ends before entry %d", i)
			}
			end += 2 + int(binary.BigEndian.Uint16(data[end:]))
		}
	}
	if len(data) < end || all && len(data) > end {
		return nil, fmt.Errorf("it has %d bytes, not %d", len(data), end)
	}
	return data[:end], nil
}

// tile reads the one of this width, or, where the log has grown since and dropped it, the beginning of the full one.
func (s *source) tile(level int, n uint64, width int) []byte {
	path, all := tilePath(level, n, width), true
	data, found := s.get(path)
	if !found && width < wide {
		data, found = s.get(tilePath(level, n, wide))
		all = false
	}
	if !found {
		fail("%s is not there", path)
	}
	data, err := beginning(level, data, width, all)
	need(err, path)
	return data
}

// width of a tile in a tree of a size: 0 where the tree has none.
func width(level int, n, size uint64) int {
	if level == entries {
		level = 0
	}
	if level > 7 {
		return 0
	}
	items := size >> (8 * level)
	if n*wide >= items {
		return 0
	}
	return int(min(items-n*wide, wide))
}

func openCheckpoint(s *source, vkey string) *log.Checkpoint {
	verifier, err := note.NewVerifier(strings.TrimSpace(vkey))
	need(err, "the verifier key")
	data, found := s.get("checkpoint")
	if !found {
		fail("checkpoint is not there")
	}
	checkpoint, rest, signed, err := log.ParseCheckpoint(data, verifier.Name(), verifier)
	need(err, "checkpoint")
	if string(checkpoint.Marshal())+string(rest) != signed.Text || len(checkpoint.Hash) != hasher.Size() {
		fail("checkpoint: not in its one form")
	}
	// Go reads base64 with stray bits in its last letter: the same signature, other bytes.
	for _, signature := range append(signed.Sigs, signed.UnverifiedSigs...) {
		_, err := base64.StdEncoding.Strict().DecodeString(signature.Base64)
		need(err, "checkpoint: a signature of "+signature.Name)
	}
	return checkpoint
}

// An auditor builds the tree of a log from its entries.
type auditor struct {
	source  *source
	tree    *compact.Range
	growing map[compact.NodeID][]byte
	tiles   int
	size    uint64
	earlier map[uint64][]byte // roots of the sizes to be asked for
	leaves  map[uint64][]byte // hashes of the entries to be asked for
}

// visit takes each node of the tree as it becomes known: the bottom ones of a tile are what the tile holds.
func (a *auditor) visit(id compact.NodeID, hash []byte) {
	if id.Level%8 != 0 {
		return
	}
	tile := compact.NodeID{Level: id.Level / 8, Index: id.Index / wide}
	a.growing[tile] = append(a.growing[tile], hash...)
	if id.Index%wide == wide-1 {
		a.compare(tile)
	}
}

func (a *auditor) compare(tile compact.NodeID) {
	level, count := int(tile.Level), len(a.growing[tile])/hasher.Size()
	if served := a.source.tile(level, tile.Index, count); !bytes.Equal(served, a.growing[tile]) {
		fail("%s does not hold the hashes of what is below it", tilePath(level, tile.Index, count))
	}
	delete(a.growing, tile)
	a.tiles++
}

func (a *auditor) append(entry []byte) {
	index, hash := a.tree.End(), hasher.HashLeaf(entry)
	need(a.tree.Append(hash, a.visit), "the tree")
	if _, wanted := a.leaves[index]; wanted {
		a.leaves[index] = hash
	}
	if _, wanted := a.earlier[index+1]; wanted {
		root, err := a.tree.GetRootHash(nil)
		need(err, "the tree")
		a.earlier[index+1] = root
	}
}

// node is a hash of the tree, from the tile that holds it or what it is made of.
func (a *auditor) node(id compact.NodeID) []byte {
	level, below := id.Level/8, id.Level%8
	first := id.Index << below
	data := a.source.tile(int(level), first/wide, width(int(level), first/wide, a.size))
	parts := factory.NewEmptyRange(0)
	for i := first % wide; i < first%wide+1<<below; i++ {
		need(parts.Append(data[int(i)*hasher.Size():int(i+1)*hasher.Size()], nil), "a node")
	}
	hash, err := parts.GetRootHash(nil)
	need(err, "a node")
	return hash
}

func (a *auditor) proof(nodes proof.Nodes, err error) [][]byte {
	need(err, "a proof")
	var hashes [][]byte
	for _, id := range nodes.IDs {
		hashes = append(hashes, a.node(id))
	}
	hashes, err = nodes.Rehash(hashes, hasher.HashChildren)
	need(err, "a proof")
	return hashes
}

// places picks numbers below a limit: both ends, both sides of where tiles end and of powers of two, and some by chance.
func places(limit uint64) map[uint64][]byte {
	picked := map[uint64][]byte{}
	take := func(n uint64) {
		if n < limit {
			picked[n] = nil
		}
	}
	take(0)
	for _, n := range []uint64{limit / 2, limit / 3, limit, limit / wide * wide, limit / wide / wide * wide * wide} {
		take(n - 1)
		take(n)
	}
	for n := uint64(1); n < limit; n *= 2 {
		take(n - 1)
		take(n)
		take(n + 1)
	}
	chance := rand.New(rand.NewSource(int64(limit)))
	for i := 0; i < 32 && limit > 0; i++ {
		take(uint64(chance.Int63n(int64(limit))))
	}
	return picked
}

// others checks what else lies in a folder. Partial tiles of earlier sizes are beginnings; what is of later sizes is not signed yet.
func (a *auditor) others() (partials int) {
	top := filepath.Join(a.source.base, "tile")
	need(filepath.WalkDir(top, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if errors.Is(err, fs.ErrNotExist) && a.size == 0 {
				return nil
			}
			return err
		}
		path, err := filepath.Rel(a.source.base, name)
		if err != nil {
			return err
		}
		path = filepath.ToSlash(path)
		level, n, count := readPath(path)
		if count == 0 || tilePath(level, n, count) != path {
			fail("%s is no tile", path)
		}
		if of := width(level, n, a.size); count < of {
			data, _ := a.source.get(path)
			data, err := beginning(level, data, count, true)
			need(err, path)
			if !bytes.HasPrefix(a.source.tile(level, n, of), data) {
				fail("%s is not the beginning of what came later", path)
			}
			partials++
		}
		return nil
	}), "tile")
	return partials
}

// readPath undoes tilePath; a width of 0 says that it is no such path.
func readPath(path string) (level int, n uint64, count int) {
	parts := strings.Split(path, "/")
	if len(parts) < 3 {
		return 0, 0, 0
	}
	level, err := strconv.Atoi(parts[1])
	if parts[1] == "entries" {
		level, err = entries, nil
	}
	count = wide
	digits := parts[2:]
	if last := len(digits) - 1; last > 0 && strings.HasSuffix(digits[last-1], ".p") {
		var e error
		count, e = strconv.Atoi(digits[last])
		err = errors.Join(err, e)
		digits = append(append([]string{}, digits[:last-1]...), strings.TrimSuffix(digits[last-1], ".p"))
	}
	for _, part := range digits {
		number, e := strconv.ParseUint(strings.TrimPrefix(part, "x"), 10, 10)
		err = errors.Join(err, e)
		n = n*1000 + number
	}
	if err != nil || count < 1 || count > wide {
		return 0, 0, 0
	}
	return level, n, count
}

func audit(base, vkey string) string {
	s := &source{base: strings.TrimRight(base, "/"), remote: strings.Contains(base, "://")}
	checkpoint := openCheckpoint(s, vkey)
	a := &auditor{
		source: s, tree: factory.NewEmptyRange(0), growing: map[compact.NodeID][]byte{}, size: checkpoint.Size,
		earlier: places(checkpoint.Size + 1), leaves: places(checkpoint.Size),
	}
	delete(a.earlier, 0)

	bundles := 0
	for n := uint64(0); n*wide < a.size; n++ {
		bundle := s.tile(entries, n, width(entries, n, a.size))
		for len(bundle) > 0 {
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			a.append(bundle[2:end])
			bundle = bundle[end:]
		}
		bundles++
	}
	edge := make([]compact.NodeID, 0, len(a.growing))
	for tile := range a.growing {
		edge = append(edge, tile)
	}
	sort.Slice(edge, func(i, j int) bool { return edge[i].Level < edge[j].Level })
	for _, tile := range edge {
		a.compare(tile)
	}
	root := hasher.EmptyRoot()
	if a.size > 0 {
		var err error
		root, err = a.tree.GetRootHash(nil)
		need(err, "the tree")
	}
	if a.tree.End() != a.size || !bytes.Equal(root, checkpoint.Hash) {
		fail("the root of the %d entries is not the checkpoint's", a.tree.End())
	}

	for index, leaf := range a.leaves {
		path := a.proof(proof.Inclusion(index, a.size))
		need(proof.VerifyInclusion(hasher, index, a.size, leaf, path, checkpoint.Hash), fmt.Sprintf("inclusion of entry %d", index))
	}
	for size, earlier := range a.earlier {
		path := a.proof(proof.Consistency(size, a.size))
		need(proof.VerifyConsistency(hasher, size, a.size, path, earlier, checkpoint.Hash), fmt.Sprintf("consistency with size %d", size))
	}
	said := fmt.Sprintf("OK %s %d: %d tiles, %d bundles, %d inclusions, %d consistencies", checkpoint.Origin, a.size, a.tiles, bundles, len(a.leaves), len(a.earlier))
	if !s.remote {
		said += fmt.Sprintf(", %d earlier partials", a.others())
	}
	return said
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: whole-log LOG VKEYFILE")
		os.Exit(2)
	}
	defer func() {
		if why := recover(); why != nil {
			if refused, is := why.(failure); is {
				fmt.Println("FAIL", refused.error)
				os.Exit(1)
			}
			panic(why)
		}
	}()
	vkey, err := os.ReadFile(os.Args[2])
	need(err, "the verifier key")
	fmt.Println(audit(os.Args[1], string(vkey)))
}
