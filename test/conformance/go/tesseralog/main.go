// Tesseralog is a log of Tessera's that publishes nothing its witnesses have not cosigned: a third party that asks our
// witness. It adds entries one after the other, waits for each to be published, and prints how many were and the last
// checkpoint.
//
//	tesseralog -dir FOLDER -key NOTE-SIGNER-KEY -policy FILE -count 20
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	dir := flag.String("dir", "", "where the log is kept")
	key := flag.String("key", "", "what signs its checkpoints")
	policy := flag.String("policy", "", "file of the witness policy")
	count := flag.Int("count", 20, "entries to add")
	flag.Parse()
	log.SetFlags(0)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	driver, err := posix.New(ctx, posix.Config{Path: *dir})
	check(err)
	signer, err := note.NewSigner(*key)
	check(err)
	text, err := os.ReadFile(*policy)
	check(err)
	witnesses, err := tessera.NewWitnessGroupFromPolicy(text)
	check(err)
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithBatching(1, 10*time.Millisecond).
		WithCheckpointInterval(100*time.Millisecond).
		WithWitnesses(witnesses, nil)
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	check(err)
	awaiter := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 20*time.Millisecond)
	var checkpoint []byte
	for entry := range *count {
		_, checkpoint, err = awaiter.Await(ctx, appender.Add(ctx, tessera.NewEntry(fmt.Appendf(nil, "entry %d", entry))))
		check(err)
	}
	check(shutdown(ctx))
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{"published": *count, "checkpoint": string(checkpoint)}))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
