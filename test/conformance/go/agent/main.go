// Agent holds one new Ed25519 key and signs with it over the socket it is given, as ssh-agent does: litewitness keeps
// its key in one. It prints the key's fingerprint once it listens, and ends when its input does.
package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"net"
	"os"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

func main() {
	log.SetFlags(0)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	check(err)
	keyring := agent.NewKeyring()
	check(keyring.Add(agent.AddedKey{PrivateKey: key}))
	signer, err := ssh.NewSignerFromKey(key)
	check(err)
	listener, err := net.Listen("unix", os.Args[1])
	check(err)
	fmt.Println(ssh.FingerprintSHA256(signer.PublicKey()))
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for {
		connection, err := listener.Accept()
		check(err)
		go func() { _ = agent.ServeAgent(keyring, connection) }()
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
